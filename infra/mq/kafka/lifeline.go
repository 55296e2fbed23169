package kafka

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// lifeline dials for one client of sarama, whose calls take no context: when the lifeline's ctx ends, all of
// its connections are closed, and calls that wait for an answer fail.
type lifeline struct {
	ctx    context.Context //nolint:containedctx // it is what a line is
	dialer net.Dialer
	made   time.Time
	heard  atomic.Int64 // when a broker last said something, since made
}

// bind makes a client's connections end with ctx.
func bind(ctx context.Context, s *sarama.Config) *lifeline {
	l := &lifeline{ctx: ctx, dialer: net.Dialer{Timeout: s.Net.DialTimeout, KeepAlive: s.Net.KeepAlive}, made: time.Now()}
	s.Net.Proxy.Enable, s.Net.Proxy.Dialer = true, l
	return l
}

// silence is for how long no broker has said anything.
func (l *lifeline) silence() time.Duration {
	return time.Since(l.made) - time.Duration(l.heard.Load())
}

// Dial implements the dialer that sarama asks for.
func (l *lifeline) Dial(network, addr string) (net.Conn, error) {
	conn, err := l.dialer.DialContext(l.ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	stop := context.AfterFunc(l.ctx, func() { _ = conn.Close() }) // whoever uses it is told
	return &line{conn, l, stop}, nil
}

type line struct {
	net.Conn
	of   *lifeline
	stop func() bool
}

// Read implements net.Conn.
func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.of.heard.Store(int64(time.Since(l.of.made)))
	}
	return n, err //nolint:wrapcheck // a connection's, for sarama to look at
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.stop()
	return l.Conn.Close()
}
