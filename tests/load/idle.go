package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/gochat/gochat/tests/client"
)

const pingEvery = 20 * time.Second

// idle opens sockets, keeps them alive and measures the server's memory before
// and after.
func idle(ctx context.Context, cfg Config, s *client.Server, r *Report, progress io.Writer) error {
	users := max(min(cfg.Users, cfg.Idle), 1)
	accounts, err := register(ctx, []*client.Server{s}, "idle", users, progress)
	if err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	before, err := gauges(ctx, s)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(progress, "opening %d sockets…\n", cfg.Idle)
	h := &herd{}
	defer h.close()
	if err := h.open(ctx, cfg.Idle, accounts); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(progress, "idle for %s…\n", cfg.Duration)
	if err := h.keep(ctx, cfg.Duration); err != nil {
		return err
	}
	after, err := gauges(ctx, s)
	if err != nil {
		return err
	}
	if lost := h.lost.Load(); lost > 0 {
		return fmt.Errorf("%w: %d of %d idle sockets were closed", ErrWrong, lost, cfg.Idle)
	}
	r.Idle = cfg.Idle
	r.RSSPerSocket = (after[rssMetric] - before[rssMetric]) / float64(cfg.Idle)
	r.GoBytesPerSocket = (after[heapMetric] + after[stackMetric] - before[heapMetric] - before[stackMetric]) / float64(cfg.Idle)
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

// perSource is how many sockets one loopback address opens: there are about
// 28,000 ports for each.
const perSource = 20_000

// openPerSecond stays below the server's default limit of handshakes an address.
const openPerSecond = 800

func (h *herd) open(ctx context.Context, n int, accounts []*client.Account) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	pace := rate.NewLimiter(openPerSecond, 1)
	for i := range n {
		if err := pace.Wait(gctx); err != nil {
			break // the group knows why
		}
		group.Go(func() error {
			source := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i/perSource))}
			d := &websocket.Dialer{
				ReadBufferSize: 256, WriteBufferSize: 256, HandshakeTimeout: 30 * time.Second,
				NetDialContext: (&net.Dialer{LocalAddr: source}).DialContext,
			}
			c, err := accounts[i%len(accounts)].Dial(gctx, d, "device-"+strconv.Itoa(i))
			if err != nil {
				return err
			}
			h.mu.Lock()
			h.conns = append(h.conns, c)
			h.mu.Unlock()
			h.readers.Go(func() { h.read(c) })
			return nil
		})
	}
	return group.Wait()
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
func (h *herd) keep(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		for _, c := range h.conns {
			// A dead socket is counted by its reader.
			_ = c.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
		}
		if err := pause(ctx, min(pingEvery, time.Until(end))); err != nil {
			return err
		}
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
