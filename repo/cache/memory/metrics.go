package memory

import "github.com/prometheus/client_golang/prometheus"

// Metrics reports what a cache and its session registry hold, under the names of a Redis' metrics,
// with the node "embedded". Entries that go for lack of room do not count as evicted: in a Redis
// an evicted key may be a session, here it is only what the database has, too.
type Metrics struct {
	cache    *Cache
	sessions *Sessions
}

// NewMetrics returns a prometheus.Collector.
func NewMetrics(c *Cache, s *Sessions) Metrics { return Metrics{c, s} }

const node = "embedded"

var (
	memoryDesc = prometheus.NewDesc("gochat_repo_redis_memory_bytes", "Memory that the embedded cache takes.", []string{"node"}, nil)
	limitDesc  = prometheus.NewDesc("gochat_repo_redis_memory_max_bytes", "Memory that the embedded cache may take beside sessions.", []string{"node"}, nil)
	keysDesc   = prometheus.NewDesc("gochat_repo_redis_keys", "Entries in the embedded cache.", []string{"node"}, nil)
	lostDesc   = prometheus.NewDesc("gochat_repo_redis_evicted_keys_total", "Entries that the embedded cache threw out and nobody else has: none.", []string{"node"}, nil)
)

// Describe implements prometheus.Collector.
func (Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{memoryDesc, limitDesc, keysDesc, lostDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m Metrics) Collect(ch chan<- prometheus.Metric) {
	c := m.cache
	all := c.numbers.usage().plus(c.hot.usage(), c.users.usage(), c.tokens.usage(), c.limits.usage(), m.sessions.usage())
	ch <- prometheus.MustNewConstMetric(memoryDesc, prometheus.GaugeValue, float64(all.bytes), node)
	ch <- prometheus.MustNewConstMetric(limitDesc, prometheus.GaugeValue, float64(c.most), node)
	ch <- prometheus.MustNewConstMetric(keysDesc, prometheus.GaugeValue, float64(all.entries), node)
	ch <- prometheus.MustNewConstMetric(lostDesc, prometheus.CounterValue, 0, node)
}
