package load

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// chatPairs is the number of pairs that are not cut and send chatRate messages a second together: their latency shows
	// how a storm affects users who stay connected.
	chatPairs, chatRate = 5, 50
	// patience bounds the return of all sockets.
	patience = 2 * time.Minute
	// addresses is the number of loopback addresses that the sockets come from. Real clients have many addresses, too,
	// and the limit of handshakes is for each address.
	addresses = 250
)

// crowd has all devices that are cut and come back.
type crowd struct {
	t       *test
	devices []*device
	// readers has a goroutine for each open socket, which reads its frames.
	readers *errgroup.Group
	cut     time.Time
	// cutting is true while sockets are cut: their end is no error then.
	cutting                   atomic.Bool
	back, caughtUp, turnedOff atomic.Int64
	hello, synced, call       *histogram
}

// storm cuts all sockets at once and measures their return, and the latency of a few pairs that are not cut.
func storm(ctx context.Context, t *test) error {
	cfg := t.cfg
	cfg.Pairs, cfg.Peers, cfg.Rate, cfg.InFlight = chatPairs, 1, chatRate, 1
	chat, talking, err := setSail(ctx, t, cfg)
	if err != nil {
		return err
	}
	c := &crowd{t: t, readers: &errgroup.Group{}, hello: newHistogram(), synced: newHistogram(), call: newHistogram()}
	if err = c.gather(talking); err == nil {
		err = t.each(talking, func(ctx context.Context, r *Report) error { return c.measure(ctx, chat.run, r) })
	}
	c.close()
	return chat.run.end(err, chat.loops, chat.close)
}

// gather registers the users, gives each of them something to sync, and opens all sockets.
func (c *crowd) gather(ctx context.Context) error {
	users := min(c.t.cfg.Users, c.t.cfg.Reconnect)
	accounts, err := register(ctx, c.t, "storm", users+1)
	if err != nil {
		return err
	}
	talker, accounts := accounts[users], accounts[:users]
	c.t.told.say("making %d conversations with %d messages each…", users, newsEach)
	saying, sctx := errgroup.WithContext(ctx)
	saying.SetLimit(registerAtOnce)
	for i, a := range accounts {
		saying.Go(func() error {
			_, err := speak(sctx, talker, map[string]any{"receiverId": a.UserID}, c.t.cfg.Content, i)
			return err
		})
	}
	if err := saying.Wait(); err != nil {
		return err
	}
	for i := range c.t.cfg.Reconnect {
		a := accounts[i%users]
		c.devices = append(c.devices, &device{crowd: c, account: a, n: i, how: dialing{
			from: source(a.Server, i%addresses), device: "device-" + strconv.Itoa(i), buffer: deviceBuffer,
		}})
	}
	return openAll(ctx, c.t, len(c.devices), func(ctx context.Context, i int) error { return c.devices[i].connect(ctx) })
}

// measure measures the pairs alone for the duration, and then one storm.
func (c *crowd) measure(ctx context.Context, chat *run, r *Report) error {
	if err := c.t.warmUp(ctx); err != nil {
		return err
	}
	chat.begin()
	if _, err := c.t.told.watch(ctx, watched{d: c.t.cfg.Duration}, chat.counters()); err != nil {
		return err
	}
	s := &Storm{Sockets: len(c.devices), Users: min(c.t.cfg.Users, len(c.devices)), Before: chat.reachedIn.latency()}
	before, err := c.t.costs.read(ctx)
	if err != nil {
		return err
	}
	chat.begin()
	if err := c.blow(ctx, r, s); err != nil {
		return err
	}
	s.During = chat.reachedIn.latency()
	chat.measuring.Store(false)
	after, err := c.t.costs.read(ctx)
	if err != nil {
		return err
	}
	c.t.costs.put(r, before, after, "socket", int64(len(c.devices)))
	r.Storm, r.ContentBytes, r.Seconds, r.Errors = s, c.t.cfg.Content, after.at.Sub(before.at).Seconds(), chat.errors.Load()
	return nil
}

// blow cuts all sockets and waits until all are back.
func (c *crowd) blow(ctx context.Context, r *Report, s *Storm) error {
	for _, h := range []*histogram{c.hello, c.synced, c.call} {
		h.reset()
	}
	for _, n := range []*atomic.Int64{&c.back, &c.caughtUp, &c.turnedOff} {
		n.Store(0)
	}
	if err := c.sever(); err != nil {
		return err
	}
	c.t.told.say("cut %d sockets; they come back…", len(c.devices))
	bounded, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not everybody was back after %s", patience))
	defer cancel()
	returning, rctx := errgroup.WithContext(bounded)
	for _, d := range c.devices {
		returning.Go(func() error { return d.comeBack(rctx) })
	}
	returning.Go(func() (err error) {
		r.Timeline, err = c.t.told.watch(rctx, watched{d: patience, every: shortest, until: c.allBack}, []counter{
			{"sockets back", c.back.Load}, {"syncs answered", c.caughtUp.Load},
		})
		return err
	})
	if err := returning.Wait(); err != nil {
		return fmt.Errorf("%d of %d sockets came back, %d of them with a sync: %w", c.back.Load(), len(c.devices), c.caughtUp.Load(), err)
	}
	s.Hello, s.Synced, s.SyncCall = c.hello.latency(), c.synced.latency(), c.call.latency()
	s.AllHelloSeconds, s.AllSyncedSeconds, s.Refused = s.Hello.Max/1000, s.Synced.Max/1000, c.turnedOff.Load()
	return nil
}

func (c *crowd) allBack() bool { return c.caughtUp.Load() == int64(len(c.devices)) }

// sever closes all connections at once, without close frames, as when a network fails.
func (c *crowd) sever() error {
	c.cutting.Store(true)
	c.cut = time.Now()
	for _, d := range c.devices {
		d.socket.close()
	}
	err := c.readers.Wait()
	c.readers = &errgroup.Group{}
	c.cutting.Store(false)
	return err
}

// close closes all sockets that are open.
func (c *crowd) close() {
	c.cutting.Store(true)
	for _, d := range c.devices {
		if d.socket != nil {
			d.socket.close()
		}
	}
	_ = c.readers.Wait() // the run has reported a lost socket already
}
