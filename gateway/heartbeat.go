package gateway

import (
	"time"

	"github.com/gochat/gochat/contracts"
)

// missedPings is after how many intervals of silence a socket is closed.
const missedPings = 3

// tick returns how often heartbeat looks at all sockets, and in how many of these turns it pings each socket once.
func (c Config) tick() (every time.Duration, shards uint32) {
	every = max(min(time.Second, c.PingInterval/4, c.SlowTimeout/4), time.Millisecond)
	return every, uint32(max(c.PingInterval/every, 1)) //nolint:gosec // a ratio of durations
}

// heartbeat looks after all sockets with one ticker until the gateway stops.
func (g *Gateway) heartbeat(quit <-chan struct{}) {
	every, shards := g.cfg.tick()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var turn uint32
	var kick kicks
	for {
		select {
		case <-quit:
			return
		case now := <-ticker.C:
			turn++
			for _, c := range g.hub.all() {
				c.look(now.UnixMilli())
				c.noteAgain(now.UnixMilli())
				if c.shard%shards == turn%shards {
					c.push(frame{raw: pingFrame, class: classEvent}, &kick)
				}
			}
			kick.start()
		}
	}
}

// look closes the socket when its token has expired, its client is silent, or it takes too long to read its queue.
func (c *conn) look(now int64) {
	cfg := &c.g.cfg
	if c.closing.Load() != 0 {
		return
	}
	if c.expires > 0 && now >= c.expires {
		c.close(contracts.CloseTokenRevoked, contracts.CloseReasonExpired)
		return
	}
	if now-c.seen.Load() > missedPings*cfg.PingInterval.Milliseconds() {
		c.close(contracts.CloseNoPing, contracts.CloseReasonNoPing)
		return
	}
	if since := c.q.starvedSince(); since != 0 && now-max(since, c.progress.Load()) > cfg.SlowTimeout.Milliseconds() {
		c.closeRetry(contracts.CloseTooSlow, contracts.CloseReasonTooSlow)
	}
}
