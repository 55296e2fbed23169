package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/contracts"
)

const (
	in  = "in"
	out = "out"
	// otherType stands for every frame type that is not the contract's.
	otherType = "other"

	// How a batch of sends ends; late: confirmed after its senders were told that it took too long.
	publishedOK      = "ok"
	publishedLate    = "late"
	publishedTimeout = "timeout"
	publishedError   = "error"
)

// metrics are what operators see of the gateway.
type metrics struct {
	queueFull prometheus.Counter
	syncHints prometheus.Counter
	publishes *prometheus.HistogramVec
	batches   prometheus.Histogram
	requests  *prometheus.HistogramVec
	closes    *prometheus.CounterVec
	limited   *prometheus.CounterVec
	leases    *prometheus.CounterVec
	written   prometheus.Histogram

	// by type, made once: the label look-up would cost more than the counting
	framesIn, framesOut map[string]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, sockets *hub) (*metrics, error) {
	m := &metrics{
		queueFull: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gochat_gateway_queue_full_total", Help: "Frames that a socket's queue had no room for.",
		}),
		syncHints: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gochat_gateway_sync_hints_total", Help: "Hints sent in place of pushes to slow sockets.",
		}),
		publishes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gochat_gateway_upstream_publish_seconds", Help: "Time until the queue confirmed a batch of sends.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"outcome"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gochat_gateway_upstream_batch_messages", Help: "Sends in one batch.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gochat_gateway_http_request_seconds", Help: "HTTP requests by route and status.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"method", "route", "status"}),
		closes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_gateway_closes_total", Help: "Closed sockets by close code; 1006 went without a word.",
		}, []string{"code"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_gateway_rate_limited_total", Help: "Attempts that were refused because there were too many of them, by limit.",
		}, []string{"limit"}),
		leases: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_gateway_limit_leases_total", Help: "Calls to the token buckets that all gateways share, by limit and answer; " +
				"away: the gateway counts by itself.",
		}, []string{"limit", "outcome"}),
	}
	m.written = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gochat_gateway_accepted_to_written_seconds", Help: "From the acceptance of a message until it was written to a socket: " +
			"at most one message a write is measured. Clocks of gateways differ by a little.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	})
	frames := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gochat_gateway_frames_total", Help: "Frames by type and direction.",
	}, []string{"type", "direction"})
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gochat_gateway_connections", Help: "Open sockets.",
	}, func() float64 { return float64(sockets.len()) })
	online := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gochat_gateway_users", Help: "Users who have an open socket here; with sockets on two gateways a user is one on each.",
	}, func() float64 { return float64(sockets.users()) })
	m.atZero()
	m.framesIn, m.framesOut = counters(frames, in), counters(frames, out)
	for _, c := range []prometheus.Collector{
		m.queueFull, m.syncHints, m.publishes, m.batches, m.requests, m.closes, m.limited, m.leases, m.written, frames, gauge, online,
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the gateway's metrics: %w", err)
		}
	}
	return m, nil
}

// atZero makes the series that alerts look at, with the value 0: a series that begins with its first event shows no
// increase for that event.
func (m *metrics) atZero() {
	for _, outcome := range []string{publishedOK, publishedLate, publishedTimeout, publishedError} {
		m.publishes.WithLabelValues(outcome)
	}
	for _, code := range []int{
		contracts.CloseTokenRevoked, contracts.CloseReplaced, contracts.CloseTooSlow, contracts.CloseNoPing, contracts.CloseFlooding,
		contracts.CloseFrameTooLarge, contracts.CloseServerRestart,
	} {
		m.closes.WithLabelValues(strconv.Itoa(code))
	}
}

// counters makes a counter for each type of frame of one direction.
func counters(vec *prometheus.CounterVec, direction string) map[string]prometheus.Counter {
	m := map[string]prometheus.Counter{otherType: vec.WithLabelValues(otherType, direction)}
	for typ := range rowsOf(direction) {
		m[typ] = vec.WithLabelValues(typ, direction)
	}
	return m
}

// limitMetrics are those of one limit.
type limitMetrics struct{ refused, leased, empty, away prometheus.Counter }

func (m *metrics) limit(name string) *limitMetrics {
	return &limitMetrics{
		refused: m.limited.WithLabelValues(name), leased: m.leases.WithLabelValues(name, "leased"),
		empty: m.leases.WithLabelValues(name, "empty"), away: m.leases.WithLabelValues(name, "away"),
	}
}

func (m *metrics) received(typ string) { count(m.framesIn, typ, 1) }

func (m *metrics) sent(typ string, n int) { count(m.framesOut, typ, n) }

func count(of map[string]prometheus.Counter, typ string, n int) {
	c, ok := of[typ]
	if !ok {
		c = of[otherType]
	}
	c.Add(float64(n))
}

// closed counts a close. Codes outside of the known ranges share one label, since clients can make them up.
func (m *metrics) closed(code int) {
	label := otherType
	if code >= 1000 && code <= 1014 || code >= contracts.CloseTokenRevoked && code <= contracts.CloseFlooding {
		label = strconv.Itoa(code)
	}
	m.closes.WithLabelValues(label).Inc()
}

func (m *metrics) published(n int, took time.Duration, err error) {
	outcome := publishedOK
	switch {
	case errors.Is(err, errPublishSlow):
		outcome = publishedTimeout
	case err != nil:
		outcome = publishedError
	}
	m.publishes.WithLabelValues(outcome).Observe(took.Seconds())
	m.batches.Observe(float64(n))
}

// late counts the end of a batch whose senders were told before that it took too long.
func (m *metrics) late(took time.Duration, err error) {
	outcome := publishedLate
	if err != nil {
		outcome = publishedError
	}
	m.publishes.WithLabelValues(outcome).Observe(took.Seconds())
}

// wrote measures the milliseconds from the acceptance of a message to its write.
func (m *metrics) wrote(ms int64) { m.written.Observe(float64(max(ms, 0)) / 1000) }

func (m *metrics) request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}
