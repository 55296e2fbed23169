package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gochat/gochat/infra/private"
)

// caValid is how long a new CA lasts: certificates are renewed, CAs hardly ever.
const caValid = 10 * 365 * 24 * time.Hour

// backdated is how far clocks of other machines may be behind.
const backdated = time.Hour

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// openAuthority reads the CA of a directory; os.ErrNotExist when neither of its
// files is there.
func openAuthority(dir string) (*authority, error) {
	if err := private.Existing(filepath.Join(dir, caKeyFile)); err != nil {
		return nil, fmt.Errorf("the CA's key cannot be used: %w", err)
	}
	certPEM, certErr := os.ReadFile(filepath.Join(dir, caFile))  // #nosec G304 -- the operator's directory
	keyPEM, keyErr := os.ReadFile(filepath.Join(dir, caKeyFile)) // #nosec G304
	if errors.Is(certErr, os.ErrNotExist) && errors.Is(keyErr, os.ErrNotExist) {
		return nil, os.ErrNotExist
	}
	if err := errors.Join(certErr, keyErr); err != nil {
		// Not as os.ErrNotExist: half a CA is not to be replaced.
		return nil, fmt.Errorf("read the CA in %s (both %s and %s are needed to sign): %v", dir, caFile, caKeyFile, err) //nolint:errorlint // see above
	}
	certDER, keyDER := decode(certPEM), decode(keyPEM)
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return nil, fmt.Errorf("read the CA's certificate %s: %w", filepath.Join(dir, caFile), err)
	}
	key, err := x509.ParseECPrivateKey(keyDER)
	if err != nil {
		return nil, fmt.Errorf("read the CA's key %s: %w", filepath.Join(dir, caKeyFile), err)
	}
	switch {
	case !key.PublicKey.Equal(cert.PublicKey):
		return nil, fmt.Errorf("the CA's key %s %w", filepath.Join(dir, caKeyFile), ErrMismatch)
	case !cert.IsCA:
		return nil, fmt.Errorf("%s is not the certificate of a CA", filepath.Join(dir, caFile))
	case time.Now().After(cert.NotAfter):
		return nil, fmt.Errorf("the CA %s %w; make a new one in another directory", filepath.Join(dir, caFile), ErrExpired)
	}
	return &authority{cert, key}, nil
}

func decode(text []byte) []byte {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	return block.Bytes
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		// The serial number keeps two CAs apart in error messages.
		Subject:   pkix.Name{CommonName: fmt.Sprintf("private CA %x", serial.Bytes()[:4])},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(caValid),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make the CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the new CA: %w", err)
	}
	return &authority{cert, key}, store(filepath.Join(dir, caFile), der, filepath.Join(dir, caKeyFile), key)
}

// issue signs and stores a certificate that is valid from a moment on, and
// returns when it ends.
func (a *authority) issue(r Request, f Files, from time.Time) (time.Time, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return time.Time{}, fmt.Errorf("make a key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return time.Time{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: r.Name},
		NotBefore:    from.Add(-backdated), NotAfter: from.Add(r.Valid),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return time.Time{}, fmt.Errorf("sign the certificate: %w", err)
	}
	return template.NotAfter, store(f.Cert, der, f.Key, key)
}

func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	b[0] = b[0]&0x7f | 0x40 // positive, and of full length
	return new(big.Int).SetBytes(b), nil
}
