package gateway

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// TestALimitIsTuned: what a client has used up stays used up, and it gets what holds now.
func TestALimitIsTuned(t *testing.T) {
	m, err := newMetrics(prometheus.NewRegistry(), newHub(1))
	require.NoError(t, err)
	l, err := newLimit[int64]("test", fill{1, time.Hour, 3}, nil, m)
	require.NoError(t, err)
	took := func() (n int) {
		for l.take(1) == 0 {
			n++
		}
		return n
	}
	require.Equal(t, 3, took())
	l.fill.Store(&fill{1, time.Hour, 5})
	require.Zero(t, took(), "a larger bucket is not full at once")
	l.fill.Store(&fill{1, time.Nanosecond, 2})
	require.Zero(t, l.take(1), "it fills faster")
	l.fill.Store(&fill{1, time.Hour, 1})
	assert.Equal(t, 1, took(), "a smaller bucket holds less")
}

// TestRetune: origins, sockets of a user and what a socket may send, for what is open, too.
func TestRetune(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.Rates.SocketsPerUser = 1 })
	g := h.gw
	rates := DefaultRates()
	rates.SocketsPerUser, rates.FramesPerSecond, rates.FramesBurst = 2, 1, 1
	require.Error(t, g.Retune(rates, contracts.DefaultLimits(), []string{"nonsense"}))
	assert.Equal(t, 1, g.hub.perUser, "an error changes nothing")
	assert.True(t, g.tuned().origins.empty())
	c := &conn{g: g}
	c.limiter, c.tuned = newFrameLimiter(g.tuned()), g.tuned()
	require.True(t, c.mayRead())
	require.True(t, c.mayRead())
	require.NoError(t, g.Retune(rates, contracts.DefaultLimits(), []string{"https://app.example"}))
	assert.Equal(t, 2, g.hub.perUser)
	assert.True(t, g.tuned().origins.lists("https://app.example"))
	c.mayRead() // the one that may be sent at once
	assert.False(t, c.mayRead())
}
