package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// pair reads certificate and key, and says which of the two is at fault.
func pair(f Files, certPEM, keyPEM []byte) (tls.Certificate, error) {
	if block, _ := pem.Decode(certPEM); block == nil || block.Type != "CERTIFICATE" {
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

// check does now what a peer would do at the first call.
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
