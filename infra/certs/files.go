package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/gochat/gochat/infra/private"
)

// Files names the files, in PEM, that TLS needs.
type Files struct {
	// CA signs the certificates of peers; it may hold several, as while one CA
	// replaces another.
	CA string `mapstructure:"ca"`
	// Cert is this process's certificate, with intermediate ones after it; Key
	// belongs to it.
	Cert string `mapstructure:"cert"`
	Key  string `mapstructure:"key"`
}

// Any reports whether any file is named.
func (f Files) Any() bool { return f.CA != "" || f.Cert != "" || f.Key != "" }

// FileError says which of the files is at fault.
type FileError struct {
	// Setting is ca, cert or key.
	Setting string
	// File is its path.
	File string
	Err  error
}

// Error implements error.
func (e *FileError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Setting, e.File, e.Err) }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Errors of files that can be read but not used.
var (
	ErrExpired     = errors.New("has expired")
	ErrNotYetValid = errors.New("is not valid yet")
	ErrMismatch    = errors.New("does not belong to the certificate")
	ErrForeign     = errors.New("is not signed by the configured CA for both server and client use")
)

// pool reads the CA.
func (f Files) pool() (*x509.CertPool, error) {
	data, err := read("ca", f.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, &FileError{"ca", f.CA, errors.New("holds no certificate in PEM")}
	}
	return pool, nil
}

// pair reads certificate and key, and says which of the two is at fault.
func (f Files) pair() (tls.Certificate, error) {
	certPEM, err := read("cert", f.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := private.Key(f.Key); err != nil {
		return tls.Certificate{}, &FileError{"key", f.Key, err}
	}
	keyPEM, err := read("key", f.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if block := firstCertificate(certPEM); block == nil {
		return tls.Certificate{}, &FileError{"cert", f.Cert, errors.New("holds no certificate in PEM")}
	} else if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return tls.Certificate{}, &FileError{"cert", f.Cert, fmt.Errorf("read the certificate: %w", err)}
	}
	if block, _ := pem.Decode(keyPEM); block == nil {
		return tls.Certificate{}, &FileError{"key", f.Key, errors.New("holds no key in PEM")}
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, &FileError{"key", f.Key, fmt.Errorf("%w: %w", ErrMismatch, err)}
	}
	return cert, nil
}

// firstCertificate returns the first certificate of a file, and skips other blocks, such as a key.
func firstCertificate(data []byte) *pem.Block {
	for {
		block, rest := pem.Decode(data)
		if block == nil || block.Type == "CERTIFICATE" {
			return block
		}
		data = rest
	}
}

func read(setting, file string) ([]byte, error) {
	b, err := os.ReadFile(file) // #nosec G304 -- the file that the operator names
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err // the path is in FileError already
		}
		return nil, &FileError{setting, file, err}
	}
	return b, nil
}
