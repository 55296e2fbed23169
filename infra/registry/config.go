package registry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gochat/gochat/infra/certs"
)

// Config says where etcd is and how to speak with it.
type Config struct {
	// Endpoints are host:port, http://host:port or https://host:port of etcd's
	// members; empty: there is no registry.
	Endpoints []string `mapstructure:"endpoints"`
	// Username and Password, when etcd asks for them: both or none.
	Username string `mapstructure:"username"`
	Password string `mapstructure:"password" secret:"true"`
	// Prefix starts every key, so that several systems can share one etcd.
	Prefix string `mapstructure:"prefix"`
	// Environment comes before the prefix, so that several environments can share one etcd; empty: nothing
	// does. The program sets it.
	Environment string `mapstructure:"-"`
	// DialTimeout is how long a start waits for etcd.
	DialTimeout time.Duration `mapstructure:"dial_timeout"`
	// TLS protects the connection when any of it is set.
	TLS certs.Files `mapstructure:"tls"`
}

// DefaultConfig returns the defaults: no registry.
func DefaultConfig() Config {
	return Config{Prefix: "/gochat", DialTimeout: 5 * time.Second}
}

// Enabled reports whether there is a registry.
func (c Config) Enabled() bool { return len(c.Endpoints) > 0 }

// root is what every key begins with.
func (c Config) root() string {
	if c.Environment == "" {
		return c.Prefix
	}
	return "/" + c.Environment + c.Prefix
}

// Validate checks what needs no file and no network; its errors name the setting.
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, e := range c.Endpoints {
		host, port, err := net.SplitHostPort(address(e))
		if err != nil || host == "" || port == "" || strings.Contains(address(e), "/") {
			bad("registry.endpoints %q: must be host:port, http://host:port or https://host:port", e)
		} else if c.TLS.Any() && strings.HasPrefix(e, "http://") {
			bad("registry.endpoints %q: is without TLS, but registry.tls is set: write https://, or neither", e)
		} else if strings.HasPrefix(e, "https://") != strings.HasPrefix(c.Endpoints[0], "https://") {
			bad("registry.endpoints %q: all must be https:// or none", e)
		}
	}
	if (c.Username == "") != (c.Password == "") {
		bad("registry.username and registry.password: must be set both or none")
	}
	if !strings.HasPrefix(c.Prefix, "/") || strings.HasSuffix(c.Prefix, "/") {
		bad("registry.prefix %q: must begin with a slash and not end with one", c.Prefix)
	}
	if c.DialTimeout <= 0 {
		bad("registry.dial_timeout %v: must be more than 0", c.DialTimeout)
	}
	return errors.Join(append(errs, c.TLS.Complete("registry.tls"))...)
}

// address is an endpoint without its scheme.
func address(endpoint string) string {
	if _, rest, ok := strings.Cut(endpoint, "://"); ok {
		return rest
	}
	return endpoint
}

// secure reports whether TLS is spoken.
func (c Config) secure() bool {
	return c.TLS.Any() || strings.HasPrefix(c.Endpoints[0], "https://")
}

// tlsConfig is nil when no TLS is spoken.
func (c Config) tlsConfig() (*tls.Config, error) {
	return certs.Client{Enabled: c.secure(), Files: c.TLS}.Config("registry.tls")
}
