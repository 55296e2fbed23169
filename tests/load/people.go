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
	// registerAtOnce and openAtOnce bound the registrations and the handshakes at the same time.
	registerAtOnce = 8
	openAtOnce     = 32
	// openPerSecond is below the default limit of handshakes a second of one address.
	openPerSecond = 800
	// perSource bounds the sockets from one loopback address, which has about
	// 28,000 ports for outgoing connections.
	perSource = 20_000
	// tellEach is the number of users, sockets or conversations between two lines of progress.
	tellEach = 1000
)

// register makes n accounts, spread over the servers.
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

// openAll calls open for each of n sockets, at most openPerSecond of them a second.
func openAll(ctx context.Context, t *test, n int, open func(ctx context.Context, i int) error) error {
	t.told.say("opening %d sockets…", n)
	opening, octx := errgroup.WithContext(ctx)
	opening.SetLimit(openAtOnce)
	pace, done := rate.NewLimiter(openPerSecond, 1), atomic.Int64{}
	for i := range n {
		if err := pace.Wait(octx); err != nil {
			break // the group has the error
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

// source returns the n-th local address to open sockets from. It is nil, which leaves the choice to the system, unless
// the server is on loopback: there other addresses of 127.0.0.0/8 give more ports.
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

// addressOf returns ip as the local address of a dialer.
func addressOf(ip net.IP) net.Addr {
	if ip == nil {
		return nil // a nil *net.TCPAddr would be a net.Addr that is not nil
	}
	return &net.TCPAddr{IP: ip}
}
