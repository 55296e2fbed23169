package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/credentials"

	"github.com/gochat/gochat/infra/certs"
)

// newCredentials makes mutual TLS from files that are read again when they change.
func newCredentials(cfg TLSConfig, log *zap.Logger, reg prometheus.Registerer) (credentials.TransportCredentials, error) {
	src, err := certs.Open(cfg.Files, func(err error) {
		log.Warn("changed certificates are not used (rpc.tls)", zap.Error(err))
	})
	if err != nil {
		return nil, fmt.Errorf("rpc.tls.%w", err)
	}
	if err := showExpiry(reg, src); err != nil {
		return nil, err
	}
	return &mutualTLS{src: src, serverName: cfg.ServerName, log: log, sometimes: &rate.Sometimes{Interval: time.Second}}, nil
}

// mutualTLS takes the current certificates for every handshake.
type mutualTLS struct {
	src        *certs.Source
	serverName string
	log        *zap.Logger
	sometimes  *rate.Sometimes
}

// ClientHandshake implements credentials.TransportCredentials.
func (m *mutualTLS) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if m.serverName != "" {
		authority = m.serverName // gRPC checks this name, and not a tls.Config's ServerName
	}
	tlsConn, info, err := credentials.NewTLS(m.src.Client()).ClientHandshake(ctx, authority, conn)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS with %s (see rpc.tls.ca and rpc.tls.cert on both sides): %w", conn.RemoteAddr(), err)
	}
	return tlsConn, info, nil
}

// ServerHandshake implements credentials.TransportCredentials. With TLS 1.3 a client learns late and little
// of why it is refused, so the reason is logged here; at most once a second, since refused clients could fill
// the disk.
func (m *mutualTLS) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, nil, fmt.Errorf("TLS needs a TCP connection, not %T", conn)
	}
	careful := &lingering{TCPConn: tcp, refused: true}
	tlsConn, info, err := credentials.NewTLS(m.src.Server()).ServerHandshake(careful)
	careful.refused = err != nil
	if err != nil && !errors.Is(err, io.EOF) {
		m.sometimes.Do(func() {
			m.log.Warn("a client was refused (see rpc.tls.ca and rpc.tls.cert on both sides)",
				zap.Stringer("address", conn.RemoteAddr()), zap.Error(err))
		})
	}
	return tlsConn, info, err
}

// lingering lets a refused client read why. With TLS 1.3 the client may have sent requests already; a
// connection that is closed with requests unread is reset, and the alert that says why is lost.
type lingering struct {
	*net.TCPConn
	refused bool
}

// Close implements net.Conn.
func (l *lingering) Close() error {
	if l.refused && l.CloseWrite() == nil && l.SetReadDeadline(time.Now().Add(time.Second)) == nil {
		// This ends when the client closes, after 64 KiB, or after a second.
		_, _ = io.CopyN(io.Discard, l.TCPConn, 64<<10)
	}
	return l.TCPConn.Close()
}

// Info implements credentials.TransportCredentials.
func (m *mutualTLS) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone implements credentials.TransportCredentials.
func (m *mutualTLS) Clone() credentials.TransportCredentials {
	c := *m
	return &c
}

// OverrideServerName implements credentials.TransportCredentials, which still has it.
func (m *mutualTLS) OverrideServerName(name string) error {
	m.serverName = name
	return nil
}
