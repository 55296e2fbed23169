package load

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/gochat/gochat/tests/client"
)

const (
	// registerAtOnce and openAtOnce are how many users register, and how many sockets open, at the same time.
	registerAtOnce = 8
	openAtOnce     = 32
	// openPerSecond stays below the server's default limit of handshakes an address.
	openPerSecond = 800
	// perSource is how many sockets one loopback address opens: there are about
	// 28,000 ports for each.
	perSource = 20_000
	// tellEach is after how many users, sockets or conversations a line says how many there are.
	tellEach = 1000
)

// register makes accounts, those of several servers in turn.
func register(ctx context.Context, t *test, what string, n int) ([]*client.Account, error) {
	t.told.say("registering %d users…", n)
	accounts, done := make([]*client.Account, n), atomic.Int64{}
	prefix := what + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-"
	registering, gctx := errgroup.WithContext(ctx)
	registering.SetLimit(registerAtOnce)
	for i := range accounts {
		registering.Go(func() (err error) {
			accounts[i], err = t.servers[i%len(t.servers)].Register(gctx, prefix+strconv.Itoa(i), "load-password")
			if made := done.Add(1); made%tellEach == 0 {
				t.told.say("  %d of %d users", made, n)
			}
			return err
		})
	}
	return accounts, registering.Wait()
}

// openAll calls open for each of n sockets, at a pace that the server's limit of one address takes.
func openAll(ctx context.Context, t *test, n int, open func(ctx context.Context, i int) error) error {
	t.told.say("opening %d sockets…", n)
	opening, octx := errgroup.WithContext(ctx)
	opening.SetLimit(openAtOnce)
	pace, done := rate.NewLimiter(openPerSecond, 1), atomic.Int64{}
	for i := range n {
		if err := pace.Wait(octx); err != nil {
			break // the group knows why
		}
		opening.Go(func() error {
			err := open(octx, i)
			if opened := done.Add(1); opened%tellEach == 0 {
				t.told.say("  %d of %d sockets", opened, n)
			}
			return err
		})
	}
	return opening.Wait()
}

// source is the address that a socket is opened from: nil, which leaves it to the system, unless the server is on
// loopback, where one address has too few ports for many sockets.
func source(s *client.Server, n int) net.IP {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() || ip.To4() == nil {
		return nil
	}
	return net.IPv4(127, 0, byte(n/254), byte(1+n%254))
}

// addressOf is what a dialer takes.
func addressOf(ip net.IP) net.Addr {
	if ip == nil {
		return nil // and not a nil *net.TCPAddr, which is no nil Addr
	}
	return &net.TCPAddr{IP: ip}
}
