package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// presences reads n presence frames: user → "online" or when it was last seen.
func (c *client) presences(n int) map[string]string {
	c.t.Helper()
	got := map[string]string{}
	for range n {
		var p contracts.PresenceData
		c.expect(contracts.FramePresence, &p)
		got[p.UserID] = fmt.Sprint(p.LastSeenAt)
		if p.Online {
			got[p.UserID] = "online"
		}
	}
	return got
}

func quick(c *Config, _ *Deps) { c.PresenceInterval = 5 * time.Millisecond }

func TestPresence(t *testing.T) {
	h := start(t, quick)
	p := h.personal
	p.with(func() { p.online[8], p.seen[9], p.seen[8] = true, 900, 800 })
	c, d := h.dial("7:a", ""), h.dial("6:a", "")
	require.Zero(t, p.rounds, "nobody is watched")
	c.write(`{"type":"presence-subscribe","data":{"userIds":["8","9","500"]}}`)
	require.Equal(t, map[string]string{"8": "online", "9": "900"}, c.presences(2), "the present state at once, of contacts")
	d.write(`{"type":"presence-subscribe","data":{"userIds":["9"]}}`)
	require.Equal(t, map[string]string{"9": "900"}, d.presences(1))

	p.with(func() { p.online[8], p.online[9] = false, true })
	require.Equal(t, map[string]string{"8": "800", "9": "online"}, c.presences(2), "each change")
	require.Equal(t, map[string]string{"9": "online"}, d.presences(1))
	require.Empty(t, c.barrier(), "and nothing else")

	c.write(`{"type":"presence-subscribe","data":{"userIds":["10"]}}`)
	require.Equal(t, map[string]string{"10": "0"}, c.presences(1))
	p.with(func() { p.online[9] = false })
	require.Equal(t, map[string]string{"9": "0"}, withoutTime(d.presences(1)))
	require.Empty(t, c.barrier(), "the former set is replaced")
	ten := h.dial("10:a", "") // here: that needs no question
	require.Equal(t, map[string]string{"10": "online"}, c.presences(1))
	require.NoError(t, ten.Close())
	require.Equal(t, map[string]string{"10": "0"}, c.presences(1))

	c.write(`{"type":"presence-subscribe","data":{"userIds":[]}}`)
	require.Empty(t, c.barrier())
	require.NoError(t, d.Close())
	h.eventually(func() bool { h.gw.watch.mu.Lock(); defer h.gw.watch.mu.Unlock(); return len(h.gw.watch.users) == 0 }, "all is forgotten")
	h.eventually(func() bool { h.gw.watch.mu.Lock(); defer h.gw.watch.mu.Unlock(); return len(h.gw.watch.sockets) == 0 }, "all of it")
}

func withoutTime(in map[string]string) map[string]string {
	for k, v := range in {
		if v != "online" {
			in[k] = "0"
		}
	}
	return in
}

// TestPresenceThatIsNotKnown is told when it is, and changes nothing before.
func TestPresenceThatIsNotKnown(t *testing.T) {
	h := start(t, quick)
	p := h.personal
	p.with(func() { p.online[8] = true })
	c := h.dial("7:a", "")
	c.write(`{"type":"presence-subscribe","data":{"userIds":["8"]}}`)
	require.Equal(t, map[string]string{"8": "online"}, c.presences(1))
	rounds := func() {
		var until int
		p.with(func() { until = p.rounds + 3 })
		h.eventually(func() (done bool) { p.with(func() { done = p.rounds >= until }); return done }, "rounds")
	}
	p.with(func() { p.online[8], p.partial = false, true })
	rounds()
	require.Empty(t, c.barrier(), "a registry that has lost entries says nothing of who is not in it")
	c.write(`{"type":"presence-subscribe","data":{"userIds":["8","9"]}}`)
	rounds()
	require.Empty(t, c.barrier())
	p.with(func() { p.partial, p.fail = false, unavailable() })
	rounds()
	require.Empty(t, c.barrier())
	p.with(func() { p.fail = nil })
	require.Equal(t, map[string]string{"8": "0", "9": "0"}, c.presences(2))
}

// TestPresenceOfASlowSocket: a presence that the socket's queue had no room for is told later.
func TestPresenceOfASlowSocket(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.QueueFrames, c.PresenceInterval = 1, time.Hour })
	h.personal.with(func() { h.personal.online[8], h.personal.online[9] = true, true })
	c := &conn{g: h.gw, user: 7}
	c.q.writing = true // nothing is written
	w := h.gw.watch
	w.subscribe(c, []*pb.Presence{{UserId: 8, Online: true}, {UserId: 9, Online: true}})
	require.Equal(t, 1, c.q.len())
	w.apply(map[int64]standing{8: standingOnline, 9: standingOnline}, nil) // there is no room yet
	c.q.pop(&chunk{})
	w.apply(map[int64]standing{8: standingOnline, 9: standingOnline}, nil)
	require.Equal(t, 1, c.q.len())
	require.Contains(t, string(c.q.frames[c.q.head]), `"9"`)
	c.q.pop(&chunk{})
	w.apply(map[int64]standing{8: standingOnline, 9: standingOnline}, nil)
	require.Zero(t, c.q.len(), "once")
	w.drop(c)
}

func TestBadSubscriptions(t *testing.T) {
	h := start(t)
	c := h.dial("7:a", "")
	many := strings.TrimSuffix(strings.Repeat(`"8",`, contracts.PresenceMax+1), ",")
	for _, bad := range []string{`{}`, `{"userIds":"8"}`, `{"userIds":[8]}`, `{"userIds":["x"]}`, `{"userIds":[null]}`, `{"userIds":["-1"]}`, `{"userIds":[` + many + `]}`} {
		c.write(`{"type":"presence-subscribe","data":` + bad + `}`)
		var e contracts.ErrorData
		c.expect(contracts.FrameError, &e)
		require.Equal(t, contracts.CodeInvalidArgument, e.Code, bad)
		require.Equal(t, contracts.FramePresenceSubscribe, e.Ref)
	}
	h.personal.with(func() { h.personal.fail = unavailable() })
	c.write(`{"type":"presence-subscribe","data":{"userIds":["8"]}}`)
	var e contracts.ErrorData
	c.expect(contracts.FrameError, &e)
	require.Equal(t, contracts.CodeUnavailable, e.Code)
	h.personal.with(func() { h.personal.fail = nil })
}
