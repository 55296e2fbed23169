package load

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/tests/client"
)

const pingEvery = 20 * time.Second

// idle opens sockets, keeps them alive and measures the server's memory before
// and after.
func idle(ctx context.Context, t *test) error {
	cfg, s := t.cfg, t.servers[0]
	accounts, err := register(ctx, t, "idle", min(cfg.Users, cfg.Idle))
	if err != nil {
		return err
	}
	for _, a := range accounts {
		a.Server = s // memory is measured at the first server only
	}
	if err := pause(ctx, cfg.Warmup); err != nil {
		return err
	}
	before, err := gauges(ctx, s)
	if err != nil {
		return err
	}
	h := &herd{}
	defer h.close()
	if err := openAll(ctx, t, cfg.Idle, func(ctx context.Context, i int) error { return h.open(ctx, i, accounts[i%len(accounts)]) }); err != nil {
		return err
	}
	t.told.say("idle for %s…", cfg.Duration)
	if err := h.keep(ctx, cfg.Duration, t.told); err != nil {
		return err
	}
	after, err := gauges(ctx, s)
	if err != nil {
		return err
	}
	if lost := h.lost.Load(); lost > 0 {
		return fmt.Errorf("%w: %d of %d idle sockets were closed", ErrWrong, lost, cfg.Idle)
	}
	t.results.Runs = append(t.results.Runs, &Report{
		Cores: runtime.NumCPU(), Idle: cfg.Idle,
		RSSPerSocket:     (after[rssMetric] - before[rssMetric]) / float64(cfg.Idle),
		GoBytesPerSocket: (after[heapMetric] + after[stackMetric] - before[heapMetric] - before[stackMetric]) / float64(cfg.Idle),
	})
	return nil
}

// herd is many idle sockets.
type herd struct {
	mu       sync.Mutex
	conns    []*websocket.Conn
	readers  sync.WaitGroup
	stopping atomic.Bool
	lost     atomic.Int64
}

func (h *herd) open(ctx context.Context, i int, a *client.Account) error {
	d := &websocket.Dialer{
		ReadBufferSize: 256, WriteBufferSize: 256, HandshakeTimeout: dialTimeout,
		NetDialContext: (&net.Dialer{LocalAddr: addressOf(source(a.Server, i/perSource))}).DialContext,
	}
	c, err := a.Dial(ctx, d, "device-"+strconv.Itoa(i))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.conns = append(h.conns, c)
	h.mu.Unlock()
	h.readers.Go(func() { h.read(c) })
	return nil
}

func (h *herd) read(c *websocket.Conn) {
	for {
		if _, _, err := c.NextReader(); err != nil {
			if !h.stopping.Load() {
				h.lost.Add(1)
			}
			return
		}
	}
}

// keep pings all sockets until d has passed.
func (h *herd) keep(ctx context.Context, d time.Duration, told *teller) error {
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		for _, c := range h.conns {
			// The reader of a dead socket counts it.
			_ = c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
		}
		if err := pause(ctx, min(pingEvery, time.Until(end))); err != nil {
			return err
		}
		told.say("  %d of %d sockets are open, %s to go", int64(len(h.conns))-h.lost.Load(), len(h.conns), max(time.Until(end), 0).Round(time.Second))
	}
	return nil
}

func (h *herd) close() {
	h.stopping.Store(true)
	for _, c := range h.conns {
		_ = c.Close()
	}
	h.readers.Wait()
}
