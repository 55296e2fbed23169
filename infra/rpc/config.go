package rpc

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/gochat/gochat/infra/certs"
)

// Config says where this process serves calls, where others reach it, and how
// it calls them. Both sides of a connection need the same TLS settings.
type Config struct {
	// Listen is host:port of the gRPC server; port 0 takes a free one.
	Listen string `mapstructure:"listen"`
	// Advertise is the host or host:port under which other processes reach this
	// server; empty is the address that it listens on.
	Advertise string `mapstructure:"advertise"`
	// TLS makes both sides prove who they are. Without it, only the loopback
	// interface is served unless Insecure says otherwise.
	TLS TLSConfig `mapstructure:"tls"`
	// Insecure allows unencrypted calls over a network that others can reach.
	Insecure bool `mapstructure:"insecure"`
	// CallTimeout is the deadline of a unary call that has none.
	CallTimeout time.Duration `mapstructure:"call_timeout"`
	// ConnectTimeout is how long a call waits while no server is known yet or the first connections are still
	// being made; then the call fails as unavailable.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	// Connections is how many connections are kept to each server. Small calls are as fast over one (34,000 a
	// second); large runs of messages are two to three times as fast over two, and do not hold up small calls
	// behind them.
	Connections int `mapstructure:"connections"`
	// MaxMessageSize bounds one request or reply, in bytes.
	MaxMessageSize int `mapstructure:"max_message_size"`
	// DrainTimeout is how long calls in flight may take to end at a stop.
	DrainTimeout time.Duration `mapstructure:"drain_timeout"`
	// MaxConnectionAge, when set, makes clients connect anew from time to time. It is needed only where a
	// load balancer that spreads connections, not calls, is in front of the servers.
	MaxConnectionAge time.Duration `mapstructure:"max_connection_age"`
}

// TLSConfig names the files, in PEM, of mutual TLS: all of CA, Cert and Key, or
// none. They are read again when they change.
type TLSConfig struct {
	// Files are for both sides: the certificate is for server and client authentication.
	certs.Files `mapstructure:",squash"`
	// ServerName is the DNS name that every server's certificate carries. Servers are found by address in a
	// registry, so their certificates need a name that all of them have. If it is empty, the name or address
	// that was dialled is checked.
	ServerName string `mapstructure:"server_name"`
}

// Enabled reports whether any file is named.
func (t TLSConfig) Enabled() bool { return t.Any() }

// ServerName is the name that certificates made by this project carry.
const ServerName = "gochat"

// DefaultConfig returns the defaults: loopback, without TLS.
func DefaultConfig() Config {
	return Config{
		Listen:         "127.0.0.1:0",
		TLS:            TLSConfig{ServerName: ServerName},
		CallTimeout:    5 * time.Second,
		ConnectTimeout: 2 * time.Second,
		Connections:    2,
		// A run of 1,024 messages of 8 KB takes 8 MB; the rest is room.
		MaxMessageSize: 32 << 20,
		DrainTimeout:   5 * time.Second,
	}
}

// Validate checks what needs no file and no network; its errors name the setting.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || !validPort(port) {
		bad("rpc.listen %q: must be host:port", c.Listen)
	} else if !c.TLS.Enabled() && !c.Insecure && !loopback(host) {
		bad("rpc.listen %s: other machines can reach this address, so calls must be protected: "+
			"set rpc.tls.ca, rpc.tls.cert and rpc.tls.key (\"gochat certs\" makes them), or rpc.insecure to go without", c.Listen)
	}
	if c.Advertise != "" {
		if _, _, err := c.advertised(); err != nil {
			errs = append(errs, err)
		}
	}
	if c.TLS.Enabled() {
		for _, f := range [][2]string{{"ca", c.TLS.CA}, {"cert", c.TLS.Cert}, {"key", c.TLS.Key}} {
			if f[1] == "" {
				bad("rpc.tls.%s: must name a file when another rpc.tls file is set", f[0])
			}
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"call_timeout", c.CallTimeout}, {"connect_timeout", c.ConnectTimeout}, {"drain_timeout", c.DrainTimeout}} {
		if d.value <= 0 {
			bad("rpc.%s %v: must be more than 0", d.name, d.value)
		}
	}
	if c.MaxConnectionAge < 0 {
		bad("rpc.max_connection_age %v: must be 0 (none) or more", c.MaxConnectionAge)
	}
	if c.Connections < 1 || c.Connections > 64 {
		bad("rpc.connections %d: must be 1 to 64", c.Connections)
	}
	if c.MaxMessageSize < 1<<10 || c.MaxMessageSize > 1<<30 {
		bad("rpc.max_message_size %d: must be 1024 to 1073741824 bytes", c.MaxMessageSize)
	}
	return errors.Join(errs...)
}

// AdvertiseAddr is the host:port under which others reach a server that listens
// on addr. A wildcard address needs rpc.advertise: which of a machine's
// addresses others can reach is not for a program to guess.
func (c Config) AdvertiseAddr(addr net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "", fmt.Errorf("read the listening address %s: %w", addr, err)
	}
	if c.Advertise != "" {
		h, p, err := c.advertised()
		if err != nil {
			return "", err
		}
		host = h
		if p != "" && p != "0" {
			port = p
		}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("rpc.advertise: must be the host or host:port under which others reach this server, as rpc.listen %s is every address", c.Listen)
	}
	return net.JoinHostPort(host, port), nil
}

// advertised splits Advertise; the port is empty when there is none.
func (c Config) advertised() (host, port string, err error) {
	if ip := net.ParseIP(c.Advertise); ip != nil {
		host = c.Advertise // an IPv6 address has colons and needs no brackets here
	} else if host, port, err = net.SplitHostPort(c.Advertise); err != nil {
		host, port = c.Advertise, ""
		if _, _, err := net.SplitHostPort(host + ":1"); err != nil {
			return "", "", fmt.Errorf("rpc.advertise %q: must be a host or host:port", c.Advertise)
		}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() || port != "" && !validPort(port) {
		return "", "", fmt.Errorf("rpc.advertise %q: must be a host or host:port that others can reach", c.Advertise)
	}
	return host, port, nil
}

func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
