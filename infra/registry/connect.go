package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/infra/pause"
)

// minMinor is the oldest etcd 3.x that is known to work.
const minMinor = 4

// connect waits until etcd answers and lets us in.
func connect(ctx context.Context, cfg Config) (*clientv3.Client, error) {
	tlsCfg, err := cfg.tlsConfig()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
	defer cancel()
	if err := reach(ctx, cfg, tlsCfg); err != nil {
		return nil, err
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: cfg.Endpoints, Username: cfg.Username, Password: cfg.Password, TLS: tlsCfg,
		DialTimeout: cfg.DialTimeout,
		// etcd refuses pings more often than every 5 s.
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
		// gRPC would wait up to two minutes; the library's own log would flood.
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		})},
		Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, explain(cfg, err)
	}
	if err := admitted(ctx, cfg, client); err != nil {
		return nil, errors.Join(explain(cfg, err), closed(client))
	}
	return client, nil
}

func closed(client *clientv3.Client) error {
	if err := client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close the connection to etcd: %w", err)
	}
	return nil
}

// reach tries the addresses until one accepts a connection. It comes before gRPC, which hides behind a
// deadline why a connection fails.
func reach(ctx context.Context, cfg Config, tlsCfg *tls.Config) error {
	var reason error
	for {
		var errs []error
		for _, e := range cfg.Endpoints {
			err := knock(ctx, address(e), tlsCfg)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		if reason == nil || ctx.Err() == nil && (!isTimeout(errs[0]) || isTimeout(reason)) {
			reason = errs[0] // a timeout says less than another reason
		}
		pause.For(ctx.Done(), 200*time.Millisecond)
		if _, isTLS := errors.AsType[*handshakeError](reason); isTLS {
			return fmt.Errorf("etcd at %s and this process do not trust each other (see registry.tls.ca, registry.tls.cert, registry.tls.key): %w",
				strings.Join(cfg.Endpoints, ", "), reason)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no etcd can be reached at %s (see registry.endpoints) within %s (registry.dial_timeout): %w",
				strings.Join(cfg.Endpoints, ", "), cfg.DialTimeout, reason)
		}
	}
}

func isTimeout(err error) bool {
	var slow net.Error
	return errors.As(err, &slow) && slow.Timeout()
}

// handshakeError is a TLS handshake that failed: one side does not trust the other's certificate.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

func knock(ctx context.Context, addr string, tlsCfg *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it was only to see whether the address answers
	if tlsCfg == nil {
		return nil
	}
	c := tlsCfg.Clone()
	c.ServerName, _, _ = net.SplitHostPort(addr)
	session := tls.Client(conn, c)
	if err := session.HandshakeContext(ctx); err != nil {
		return &handshakeError{err}
	}
	// With TLS 1.3 a server says only now that it does not accept our certificate.
	if err := session.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		return fmt.Errorf("wait for a word of %s: %w", addr, err)
	}
	if _, err := session.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return &handshakeError{err}
	}
	return nil
}

// admitted checks the server's version, and that the prefix may be read.
func admitted(ctx context.Context, cfg Config, client *clientv3.Client) error {
	if err := readable(ctx, cfg, client); err != nil {
		return err
	}
	var errs []error
	for _, e := range cfg.Endpoints {
		st, err := client.Status(ctx, e)
		if err == nil {
			return oldEnough(e, st.Version)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// readable asks more than once: an old etcd drops requests that came before it had elected its leader.
func readable(ctx context.Context, cfg Config, client *clientv3.Client) error {
	for {
		once, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		_, err := client.Get(once, cfg.root()+"/health", clientv3.WithCountOnly())
		late := once.Err() != nil
		cancel()
		if err == nil || !late || ctx.Err() != nil {
			return err
		}
	}
}

// tooOldError is a server whose version is below what is needed.
type tooOldError struct{ endpoint, version string }

func (e *tooOldError) Error() string {
	return fmt.Sprintf("etcd at %s (registry.endpoints) is version %s; at least 3.%d is needed", e.endpoint, e.version, minMinor)
}

func oldEnough(endpoint, version string) error {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return &tooOldError{endpoint, version}
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil || major < 3 || major == 3 && minor < minMinor {
		return &tooOldError{endpoint, version}
	}
	return nil
}

// explain makes one sentence of what etcd says at a start.
func explain(cfg Config, err error) error {
	where := strings.Join(cfg.Endpoints, ", ")
	if old, ok := errors.AsType[*tooOldError](err); ok {
		return old
	}
	switch {
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return fmt.Errorf("etcd at %s refuses the user %q or the password (registry.username, registry.password): %w", where, cfg.Username, err)
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return fmt.Errorf("etcd at %s lets nobody in without a name and a password (registry.username, registry.password): %w", where, err)
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("etcd at %s does not let the user %q read %s/ (registry.username, registry.prefix): %w", where, cfg.Username, cfg.root(), err)
	case errors.Is(err, context.DeadlineExceeded), status.Code(err) == codes.DeadlineExceeded, status.Code(err) == codes.Unavailable:
		return fmt.Errorf("what listens at %s (registry.endpoints) does not answer as etcd does: it may have no quorum, "+
			"be something else, or want TLS (https://, registry.tls.ca) or a client certificate (registry.tls.cert, registry.tls.key): %w", where, err)
	}
	return fmt.Errorf("open the registry at %s (registry.endpoints): %w", where, err)
}
