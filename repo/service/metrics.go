package service

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/repo/store"
)

// The caches that are counted. Tokens are asked for by requests, and by gateways for the devices
// that use them.
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
			Name: "gochat_repo_messages_total", Help: "Messages that were to be stored, by what became of them.",
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
	// At 0, so that the first one is seen to be more.
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

// old counts an item that the cache does not keep by nature.
func (m *Metrics) old(cache string) { m.asked.WithLabelValues(cache, "old").Inc() }

// cached counts what a cache had and what not.
func (m *Metrics) cached(cache string, hits, misses int) {
	m.asked.WithLabelValues(cache, "hit").Add(float64(hits))
	m.asked.WithLabelValues(cache, "miss").Add(float64(misses))
}
