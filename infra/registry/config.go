package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gochat/gochat/infra/private"
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
	// Environment comes before the prefix, so that environments are apart on one etcd;
	// empty: nothing does. It is the program's to set.
	Environment string `mapstructure:"-"`
	// DialTimeout is how long a start waits for etcd.
	DialTimeout time.Duration `mapstructure:"dial_timeout"`
	// TLS protects the connection when any of it is set.
	TLS TLSConfig `mapstructure:"tls"`
}

// TLSConfig names files in PEM. The certificate and its key are read again for
// every connection; a new CA needs a restart.
type TLSConfig struct {
	// CA signs etcd's certificates; empty: the system's own list of CAs.
	CA string `mapstructure:"ca"`
	// Cert and Key are for an etcd that asks clients for a certificate: both or none.
	Cert string `mapstructure:"cert"`
	Key  string `mapstructure:"key"`
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
		} else if c.TLS.enabled() && strings.HasPrefix(e, "http://") {
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
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("registry.tls.cert and registry.tls.key: must be set both or none")
	}
	return errors.Join(errs...)
}

func (t TLSConfig) enabled() bool { return t.CA != "" || t.Cert != "" || t.Key != "" }

// address is an endpoint without its scheme.
func address(endpoint string) string {
	if _, rest, ok := strings.Cut(endpoint, "://"); ok {
		return rest
	}
	return endpoint
}

// secure reports whether TLS is spoken.
func (c Config) secure() bool {
	return c.TLS.enabled() || strings.HasPrefix(c.Endpoints[0], "https://")
}

// tlsConfig is nil when no TLS is spoken.
func (c Config) tlsConfig() (*tls.Config, error) {
	if !c.secure() {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return nil, fmt.Errorf("registry.tls.ca: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("registry.tls.ca: %s holds no certificate in PEM", c.TLS.CA)
		}
	}
	if c.TLS.Cert == "" {
		return out, nil
	}
	own := func() (*tls.Certificate, error) {
		if err := private.Key(c.TLS.Key); err != nil {
			return nil, fmt.Errorf("registry.tls.key: %w", err)
		}
		pair, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("registry.tls.cert and registry.tls.key: %w", err)
		}
		return &pair, nil
	}
	out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() }
	_, err := own() // a wrong file is a sentence at start
	return out, err
}
