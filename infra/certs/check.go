package certs

import (
	"crypto/x509"
	"fmt"
	"time"
)

// check verifies the certificate as a peer would at the first handshake.
func check(f Files, l loaded) error {
	leaf := l.cert.Leaf
	now := time.Now()
	switch {
	case now.After(leaf.NotAfter):
		return &FileError{"cert", f.Cert, fmt.Errorf("%w on %s", ErrExpired, leaf.NotAfter.Format(time.DateOnly))}
	case now.Before(leaf.NotBefore):
		return &FileError{"cert", f.Cert, fmt.Errorf("%w, but from %s on", ErrNotYetValid, leaf.NotBefore.Format(time.DateTime))}
	}
	between := x509.NewCertPool()
	for _, der := range l.cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return &FileError{"cert", f.Cert, fmt.Errorf("read an intermediate certificate: %w", err)}
		}
		between.AddCert(c)
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: l.pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use}})
		if err != nil {
			return &FileError{"cert", f.Cert, fmt.Errorf("%w (%s): %w", ErrForeign, f.CA, err)}
		}
	}
	return nil
}
