package routers

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// figures returns the number and the sum of a metric's observations, or a counter's value, over all series
// whose labels have the given values.
func figures(t *testing.T, reg prometheus.Gatherer, name string, labels ...string) (n, sum float64) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	metrics:
		for _, m := range f.GetMetric() {
			for _, want := range labels {
				has := false
				for _, l := range m.GetLabel() {
					has = has || l.GetValue() == want
				}
				if !has {
					continue metrics
				}
			}
			n += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			sum += m.GetHistogram().GetSampleSum()
		}
	}
	return n, sum
}

// TestPipelineIsMeasured: each message once, however often it goes through.
func TestPipelineIsMeasured(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	b := newBench(t, "persist", failing(1, func() error { return contracts.NewError(contracts.CodeUnavailable, "") }, &hits))
	b.send("a", "b")
	b.collect(acked("a", "b"))
	b.repo.mu.Lock()
	b.repo.noCache = true
	b.repo.mu.Unlock()
	b.send("a") // this send is stored already, which only the store finds
	b.collect(func(all map[string]*seen) bool { return all["a"] != nil && all["a"].pushes > 0 })

	count := func(name string, labels ...string) float64 {
		n, _ := figures(t, b.reg, name, labels...)
		return n
	}
	// A record is counted after its publish, so perhaps after it has arrived.
	require.Eventually(t, func() bool { return count("gochat_outbox_records_total", contracts.TopicStored) == 3 }, time.Minute, time.Millisecond)
	stored, seconds := figures(t, b.reg, "gochat_pipeline_accepted_to_stored_seconds")
	assert.InDelta(t, 2, stored, 0)
	assert.Greater(t, seconds, 1e9, "accepted in 1970")
	assert.InDelta(t, 1, count("gochat_router_retries_total", "message", "transient"), 0)
	assert.GreaterOrEqual(t, count("gochat_outbox_publish_seconds", "ok"), 2.0)
	assert.GreaterOrEqual(t, count("gochat_outbox_records_total", "im-downstream-topic"), 2.0)
}

// TestRecipientsAreCounted of each message that is new.
func TestRecipientsAreCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	b.send("a", "b")
	b.collect(acked("a", "b"))
	n, sum := figures(t, b.reg, "gochat_pipeline_recipients")
	assert.InDelta(t, 2, n, 0)
	assert.InDelta(t, 4, sum, 0, "sender and receiver are connected")
}
