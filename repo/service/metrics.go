package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/repo/store"
)

// Values of the label "cache". tokens counts checks of a token alone, devices those that gateways
// make of a token together with the device that uses it.
const (
	cacheUsers   = "users"
	cacheDedup   = "dedup"
	cacheHot     = "hot_messages"
	cacheTokens  = "tokens"
	cacheDevices = "devices"
)

// Metrics are what the repositories count. It is a prometheus.Collector. Safe for
// concurrent use.
type Metrics struct {
	outcomes   *prometheus.CounterVec
	transacted prometheus.Histogram
	saved      prometheus.Histogram
	asked      *prometheus.CounterVec
}

// NewMetrics returns metrics at zero.
func NewMetrics() *Metrics {
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_repo_messages_total", Help: "Messages given to the store, by outcome.",
		}, []string{"outcome"}),
		transacted: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gochat_repo_transaction_messages", Help: "Messages that shared a transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		saved: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gochat_repo_save_seconds", Help: "How long a call to store messages took, with its wait for the transaction before.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_repo_cache_total", Help: "Items that a cache was asked for, by hit and miss. What it could not answer is a miss; old: history beyond what it keeps.",
		}, []string{"cache", "outcome"}),
	}
	// Each series exists from the start, at 0: Prometheus sees no increase in a series that begins at 1.
	for _, outcome := range []string{"stored", "duplicate", "refused"} {
		m.outcomes.WithLabelValues(outcome)
	}
	for _, cache := range []string{cacheUsers, cacheDedup, cacheHot, cacheTokens, cacheDevices} {
		m.cached(cache, 0, 0)
	}
	m.asked.WithLabelValues(cacheHot, "old")
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{m.outcomes, m.transacted, m.saved, m.asked} {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range []prometheus.Collector{m.outcomes, m.transacted, m.saved, m.asked} {
		c.Collect(ch)
	}
}

// committed counts a transaction.
func (m *Metrics) committed(done []store.Committed) {
	var stored, known, refused int
	for i := range done {
		stored += len(done[i].Stored)
		known += len(done[i].Known)
		refused += len(done[i].Refused)
	}
	m.outcomes.WithLabelValues("stored").Add(float64(stored))
	m.outcomes.WithLabelValues("duplicate").Add(float64(known))
	m.outcomes.WithLabelValues("refused").Add(float64(refused))
	m.transacted.Observe(float64(stored + known + refused))
}

// old counts a read of history that is older than the cache keeps, which is neither hit nor miss.
func (m *Metrics) old(cache string) { m.asked.WithLabelValues(cache, "old").Inc() }

// cached counts the items that a cache had and those that it had not.
func (m *Metrics) cached(cache string, hits, misses int) {
	m.asked.WithLabelValues(cache, "hit").Add(float64(hits))
	m.asked.WithLabelValues(cache, "miss").Add(float64(misses))
}
