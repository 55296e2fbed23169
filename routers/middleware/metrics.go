package middleware

import (
	"errors"
	"iter"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/infra/mq"
)

// How runs, stages and publishes end.
const (
	endOK         = "ok"
	endError      = "error"
	endPermanent  = "permanent"
	endTransient  = "transient"
	endUnforeseen = "unforeseen"
	endNewer      = "newer"
	endPanic      = "panic"
)

// Metrics measures runs and stages of the routers. Safe for concurrent use.
type Metrics struct {
	runs     *prometheus.HistogramVec
	length   *prometheus.HistogramVec
	messages *prometheus.CounterVec
	stages   *prometheus.HistogramVec
	poisoned *prometheus.CounterVec
	retries  *prometheus.CounterVec

	stored     prometheus.Histogram
	recipients prometheus.Histogram

	publishes *prometheus.HistogramVec
	records   *prometheus.CounterVec
}

// NewMetrics registers the routers' metrics; it panics when they are registered
// already, which is a mistake of the wiring.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	latency := prometheus.ExponentialBuckets(0.0001, 2.5, 14)
	m := &Metrics{
		runs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gochat_router_run_seconds", Help: "Time to handle one run, retries included.", Buckets: latency,
		}, []string{"router", "outcome"}),
		length: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gochat_router_run_messages", Help: "Messages that went through together.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}, []string{"router"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_router_messages_total", Help: "Messages by outcome: ok, permanent, transient (a dependency is away), unforeseen (an error of another kind), newer (they wait for a newer worker).",
		}, []string{"router", "outcome"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gochat_pipeline_stage_seconds", Help: "Time spent in one stage for one run, without the stages after it.",
			Buckets: latency,
		}, []string{"stage", "outcome"}),
	}
	m.poisoned = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gochat_router_poisoned_total", Help: "Records that went to the poison topic, by reason.",
	}, []string{"router", "reason"})
	m.retries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gochat_router_retries_total", Help: "Runs that were tried again in place, by the reason: transient (a dependency is away), unforeseen, newer, panic.",
	}, []string{"router", "reason"})
	m.stored = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gochat_pipeline_accepted_to_stored_seconds", Help: "From the acceptance of a message by a gateway until it was stored. Clocks of processes differ by a little.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
	})
	m.recipients = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gochat_pipeline_recipients", Help: "Connected users that a message was pushed to, in single chats and in groups that the fanout role does not deliver to.",
		Buckets: append([]float64{0}, prometheus.ExponentialBuckets(1, 2, 10)...),
	})
	m.outbox(latency)
	reg.MustRegister(m.runs, m.length, m.messages, m.stages, m.poisoned, m.retries, m.stored, m.recipients, m.publishes, m.records)
	return m
}

func (m *Metrics) outbox(latency []float64) {
	m.publishes = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gochat_outbox_publish_seconds", Help: "Time until the queue confirmed what a handler published, by outcome.", Buckets: latency,
	}, []string{"outcome"})
	m.publishes.WithLabelValues(endOK)
	m.publishes.WithLabelValues(endError) // at 0, so that the first one is seen to be more
	m.records = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gochat_outbox_records_total", Help: "Records that handlers published, by topic; the topics of all gateways count as one.",
	}, []string{"topic"})
}

// Retried counts a run that is tried again in place.
func (m *Metrics) Retried(router string, err error) {
	reason := outcome(err)
	if IsPanic(err) {
		reason = endPanic
	}
	m.retries.WithLabelValues(router, reason).Inc()
}

// Stored measures, for the messages of an envelope that were stored just now, the time since their acceptance.
func (m *Metrics) Stored(env *handlers.Envelope) {
	now := time.Now().UnixMilli()
	for _, it := range env.Items {
		if it.Fresh() {
			m.stored.Observe(float64(max(now-it.Message().GetTimestamp(), 0)) / 1000)
		}
	}
}

// Routed counts to how many users each newly stored message of an envelope is pushed. It leaves out world and
// what fanout delivers.
func (m *Metrics) Routed(env *handlers.Envelope) {
	for _, it := range env.Items {
		if !it.Fresh() || it.State() == handlers.StateFannedOut {
			continue
		}
		n, everyone := 0, false
		for _, r := range it.Routes() {
			n += len(r.Users) + len(r.Bare)
			everyone = everyone || r.Everyone
		}
		if !everyone {
			m.recipients.Observe(float64(n))
		}
	}
}

// forGateways stands for the topics of all gateways.
const forGateways = "im-downstream-topic"

// Published measures a call of an outbox with records for topics.
func (m *Metrics) Published(topics iter.Seq[string], took time.Duration, err error) {
	if err != nil {
		m.publishes.WithLabelValues(endError).Observe(took.Seconds())
		return
	}
	m.publishes.WithLabelValues(endOK).Observe(took.Seconds())
	of, n := "", 0
	for topic := range topics { // equal topics mostly follow each other
		if topic != of {
			m.published(of, n)
			of, n = topic, 0
		}
		n++
	}
	m.published(of, n)
}

// published counts records for a topic.
func (m *Metrics) published(topic string, records int) {
	if records == 0 {
		return
	}
	if _, of := contracts.GatewayOfTopic(topic); of {
		topic = forGateways
	}
	m.records.WithLabelValues(topic).Add(float64(records))
}

// reasons are why records are poisoned.
var reasons = []string{
	contracts.PoisonUndecodable, contracts.PoisonPanic, contracts.PoisonTooLarge, contracts.PoisonRefused, contracts.PoisonUnforeseen,
}

// Router measures every run of one router.
func (m *Metrics) Router(name string) message.HandlerMiddleware {
	for _, reason := range reasons {
		m.poisoned.WithLabelValues(name, reason) // at 0, so that the first one is seen to be more
	}
	for _, reason := range []string{endTransient, endUnforeseen, endNewer, endPanic} {
		m.retries.WithLabelValues(name, reason)
	}
	length := m.length.WithLabelValues(name)
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			n := len(mq.Run(msg))
			length.Observe(float64(n))
			start := time.Now()
			out, err := h(msg)
			o := outcome(err)
			m.runs.WithLabelValues(name, o).Observe(time.Since(start).Seconds())
			m.messages.WithLabelValues(name, o).Add(float64(n))
			return out, err
		}
	}
}

// Poisoned counts a record that went to the poison topic.
func (m *Metrics) Poisoned(router, reason string) { m.poisoned.WithLabelValues(router, reason).Inc() }

// Stage returns a function that records the time of one stage.
func (m *Metrics) Stage(name string) func(d time.Duration, err error) {
	ok, failed := m.stages.WithLabelValues(name, endOK), m.stages.WithLabelValues(name, endError)
	return func(d time.Duration, err error) {
		if err != nil {
			failed.Observe(d.Seconds())
			return
		}
		ok.Observe(d.Seconds())
	}
}

func outcome(err error) string {
	switch {
	case err == nil:
		return endOK
	case IsPermanent(err):
		return endPermanent
	case errors.Is(err, ErrNewer):
		return endNewer
	case IsDependency(err):
		return endTransient
	}
	return endUnforeseen
}
