package certs

import (
	"crypto/tls"
	"fmt"
)

// Client says how this process speaks TLS with servers that are not GoChat's, such as Redis and Kafka.
type Client struct {
	// Enabled encrypts the connections.
	Enabled bool `mapstructure:"enabled"`
	Files   `mapstructure:",squash"`
}

// Config returns the settings of connections, as Files.ClientConfig does; nil when they are not encrypted.
func (c Client) Config(setting string) (*tls.Config, error) {
	if !c.Enabled {
		return nil, nil //nolint:nilnil // every client takes nil for a connection without TLS
	}
	return c.ClientConfig(setting)
}

// ClientConfig returns the settings of connections to servers that are not GoChat's. The CA verifies them; without
// one the CAs of the system do. Cert and Key are for servers that ask their clients for a certificate, and are
// read again for every connection, so that a renewed certificate needs no restart; a new CA needs one.
// setting begins the sentences of errors, such as kv.tls.
func (f Files) ClientConfig(setting string) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pool, err := f.pool()
		if err != nil {
			return nil, fmt.Errorf("%s.%w", setting, err)
		}
		out.RootCAs = pool
	}
	if f.Cert == "" {
		return out, nil
	}
	own := func() (*tls.Certificate, error) {
		pair, err := f.pair()
		if err != nil {
			return nil, fmt.Errorf("%s.%w", setting, err)
		}
		return &pair, nil
	}
	if _, err := own(); err != nil {
		return nil, err // a wrong file stops the start rather than each connection
	}
	out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() }
	return out, nil
}

// Complete checks, without reading a file, that Cert and Key are both set or neither is. setting begins the
// error's sentence.
func (f Files) Complete(setting string) error {
	if (f.Cert == "") != (f.Key == "") {
		return fmt.Errorf("%s.cert and %s.key: must be set both or none", setting, setting)
	}
	return nil
}
