package kafka

import (
	"context"
	"fmt"
	"net"

	"github.com/IBM/sarama"
)

// lifeline dials for one client of sarama, whose calls know no context: when that of
// the line ends, so do all connections, and with them whatever waits for an answer.
type lifeline struct {
	ctx    context.Context //nolint:containedctx // it is what a line is
	dialer net.Dialer
}

// bind makes a client's connections end with ctx.
func bind(ctx context.Context, s *sarama.Config) {
	s.Net.Proxy.Enable = true
	s.Net.Proxy.Dialer = &lifeline{ctx, net.Dialer{Timeout: s.Net.DialTimeout, KeepAlive: s.Net.KeepAlive}}
}

// Dial implements the dialer that sarama asks for.
func (l *lifeline) Dial(network, addr string) (net.Conn, error) {
	conn, err := l.dialer.DialContext(l.ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	stop := context.AfterFunc(l.ctx, func() { _ = conn.Close() }) // whoever uses it is told
	return &line{conn, stop}, nil
}

type line struct {
	net.Conn
	stop func() bool
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.stop()
	return l.Conn.Close()
}
