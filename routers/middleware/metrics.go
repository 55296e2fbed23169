package middleware

import (
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/infra/mq"
)

// Metrics measures runs and stages of the routers. Safe for concurrent use.
type Metrics struct {
	runs     *prometheus.HistogramVec
	length   *prometheus.HistogramVec
	messages *prometheus.CounterVec
	stages   *prometheus.HistogramVec
	poisoned *prometheus.CounterVec
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
	reg.MustRegister(m.runs, m.length, m.messages, m.stages, m.poisoned)
	return m
}

// Router measures every run of one router.
func (m *Metrics) Router(name string) message.HandlerMiddleware {
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
	ok, failed := m.stages.WithLabelValues(name, "ok"), m.stages.WithLabelValues(name, "error")
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
		return "ok"
	case IsPermanent(err):
		return "permanent"
	case errors.Is(err, ErrNewer):
		return "newer"
	case IsDependency(err):
		return "transient"
	}
	return "unforeseen"
}
