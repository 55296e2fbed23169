package status

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFiguresAreOfTheLastSeconds: rates and latencies are measured over the window, and values that do
// not apply to this process are left out.
func TestFiguresAreOfTheLastSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		stored := prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricStored}, []string{"outcome"})
		took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: metricToStored, Buckets: []float64{0.01, 0.1, 1}})
		poisoned := prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricPoisoned}, []string{"router", "reason"})
		reg.MustRegister(stored, took, poisoned)
		stored.WithLabelValues("stored").Add(1e6)
		stored.WithLabelValues("duplicate").Add(5)
		took.Observe(0.5)
		poisoned.WithLabelValues("a", "undecodable").Add(2)
		poisoned.WithLabelValues("b", "undecodable").Add(1)
		poisoned.WithLabelValues("b", "refused")
		m := NewMeter(reg)
		read := func() (r Report) {
			require.NoError(t, m.Fill(t.Context(), &r))
			return r
		}
		r := read()
		assert.Zero(t, *r.Rates.Stored, "what was before is not now")
		assert.Nil(t, r.Rates.Accepted)
		assert.Nil(t, r.Gateway)
		assert.Nil(t, r.Leads)
		require.NotNil(t, r.Latencies.AcceptedToStored)
		assert.Nil(t, r.Latencies.AcceptedToStored.P50Seconds)
		assert.Equal(t, []Poison{{Reason: "undecodable", Count: 3}}, r.Poisoned)

		for range 30 { // a hundred a second, of which one is late
			stored.WithLabelValues("stored").Add(100)
			for range 99 {
				took.Observe(0.05)
			}
			took.Observe(0.5)
			time.Sleep(time.Second)
			r = read()
		}
		assert.InDelta(t, 100, *r.Rates.Stored, 1)
		assert.InDelta(t, 10, r.WindowSeconds, 1.1)
		assert.InDelta(t, 0.055, *r.Latencies.AcceptedToStored.P50Seconds, 0.01)
		assert.InDelta(t, 0.1, *r.Latencies.AcceptedToStored.P99Seconds, 0.001)

		time.Sleep(time.Hour)
		assert.Zero(t, *read().Rates.Stored)
	})
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	for name, c := range map[string]struct {
		of    buckets
		share float64
		want  float64
	}{
		"the middle of one":     {buckets{1: 10, inf: 10}, 0.5, 0.5},
		"in the second":         {buckets{1: 5, 3: 10, inf: 10}, 0.75, 2},
		"beyond the last bound": {buckets{1: 5, 3: 5, inf: 10}, 0.99, 3},
	} {
		got := c.of.quantile(c.share)
		require.NotNil(t, got, name)
		assert.InDelta(t, c.want, *got, 1e-9, name)
	}
	assert.Nil(t, buckets{1: 0, inf: 0}.quantile(0.5))
	assert.Nil(t, buckets(nil).latency())
}

// TestTextForTerminals: the text has all values of the report, and no control characters.
func TestTextForTerminals(t *testing.T) {
	some, none := 12.5, 0.0
	r := &Report{
		Process: Process{Name: "host-1", Roles: []string{"gateway"}, Version: "1.2.3", LogLevel: "info", UptimeSeconds: 61}, State: "degraded",
		Dependencies: []Dependency{{Name: "cache", State: "degraded"}},
		Rates:        Rates{Stored: &some, Delivered: &none},
		Latencies:    Latencies{AcceptedToStored: &Latency{P50Seconds: &some, Count: 3}},
		Gateway:      &Gateway{Sockets: 7, Users: 5},
		Lag:          []Lag{{Topic: "im-upstream-topic", Group: "gochat-message", Messages: 42}},
		Poisoned:     []Poison{{Reason: "undecodable", Count: 3}},
		Errors:       []Line{{Level: "warn", Message: "one\x1b[2J", Count: 2}, {Level: "warn", Message: "another"}},
	}
	text := r.Text(1)
	for _, want := range []string{
		"host-1 (gateway)  DEGRADED", "1.2.3", "up 1m1s", "accepted –/s", "stored 12/s", "delivered 0/s", "sockets 7", "cache", "p50 12.5s", "p99 –",
		"gochat-message", "42", "undecodable", "×2 one[2J",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "another", "only as many lines as asked for")
}
