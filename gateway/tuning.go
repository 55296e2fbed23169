package gateway

import (
	"fmt"

	"golang.org/x/time/rate"

	"github.com/gochat/gochat/contracts"
)

// tuning is what may change while the gateway runs. A tuning is never changed: a new one takes its place.
type tuning struct {
	rates   Rates
	limits  contracts.Limits
	origins originList
}

// tuned is what holds at present.
func (g *Gateway) tuned() *tuning { return g.tuning.Load() }

// Retune takes other rates, limits and origins for all that comes from now on, also on open sockets; rates and limits
// must be valid. Sockets beyond a lower SocketsPerUser stay open. After an error, which names a wrong origin, nothing
// has changed.
func (g *Gateway) Retune(rates Rates, limits contracts.Limits, allowedOrigins []string) error {
	origins, err := parseOrigins(allowedOrigins)
	if err != nil {
		return fmt.Errorf("gateway.allowed_origins: %w", err)
	}
	g.tuning.Store(&tuning{rates: rates, limits: limits, origins: origins})
	g.hub.setPerUser(rates.SocketsPerUser)
	g.limits.retune(rates)
	return nil
}

func newFrameLimiter(by *tuning) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(by.rates.FramesPerSecond), by.rates.FramesBurst)
}

// mayRead counts a frame against what a socket may send at present. Only the goroutine that
// reads the socket calls it.
func (c *conn) mayRead() bool {
	if now := c.g.tuned(); c.tuned != now {
		c.limiter.SetLimit(rate.Limit(now.rates.FramesPerSecond))
		c.limiter.SetBurst(now.rates.FramesBurst)
		c.tuned = now
	}
	return c.limiter.Allow()
}
