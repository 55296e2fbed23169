package rpc

import (
	"context"
	"fmt"
	"net"

	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"

	"github.com/gochat/gochat/infra/certs"
)

// newCredentials makes mutual TLS from files that may change while it is used.
func newCredentials(cfg TLSConfig, log *zap.Logger) (credentials.TransportCredentials, error) {
	src, err := certs.Open(certs.Files{CA: cfg.CA, Cert: cfg.Cert, Key: cfg.Key}, func(err error) {
		log.Warn("rpc.tls", zap.Error(err))
	})
	if err != nil {
		return nil, fmt.Errorf("rpc.tls.%w", err)
	}
	return &mutualTLS{src: src, serverName: cfg.ServerName}, nil
}

// mutualTLS takes the certificates anew for every handshake.
type mutualTLS struct {
	src        *certs.Source
	serverName string
}

// ClientHandshake implements credentials.TransportCredentials.
func (m *mutualTLS) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	tlsConn, info, err := credentials.NewTLS(m.src.Client(m.serverName)).ClientHandshake(ctx, authority, conn)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS with %s (see rpc.tls.ca, rpc.tls.cert): %w", conn.RemoteAddr(), err)
	}
	return tlsConn, info, nil
}

// ServerHandshake implements credentials.TransportCredentials.
func (m *mutualTLS) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(m.src.Server()).ServerHandshake(conn)
}

// Info implements credentials.TransportCredentials.
func (m *mutualTLS) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls", ServerName: m.serverName}
}

// Clone implements credentials.TransportCredentials.
func (m *mutualTLS) Clone() credentials.TransportCredentials {
	c := *m
	return &c
}

// OverrideServerName implements credentials.TransportCredentials; it is
// deprecated there, and nobody calls it here.
func (m *mutualTLS) OverrideServerName(name string) error {
	m.serverName = name
	return nil
}
