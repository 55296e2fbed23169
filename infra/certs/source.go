// Package certs makes, checks and reloads the certificates of mutual TLS.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// Source is a process's certificate and CA, which are read again when the files change. It is safe for
// concurrent use.
type Source struct {
	files Files
	warn  func(error)

	mu     sync.Mutex
	seen   [3]stamp
	loaded loaded
}

type loaded struct {
	cert tls.Certificate
	pool *x509.CertPool
}

// stamp is a file's state, by which a change is noticed.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the files and checks that they can be used: that the key belongs to the certificate, that the
// certificate is valid now, and that the CA has signed it for both sides of a connection. Its errors are
// *FileError. When changed files cannot be used later, the earlier ones stay in use, and warn is called once
// for each change.
func Open(files Files, warn func(error)) (*Source, error) {
	s := &Source{files: files, warn: warn}
	s.seen = s.stamps()
	var err error
	s.loaded, err = load(files)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Server returns the settings of a server for one handshake: the peer must bring
// a certificate that the CA has signed.
func (s *Source) Server() *tls.Config {
	l := s.current()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{l.cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    l.pool,
	}
}

// Client returns the settings of a client for one handshake: the server's certificate must be signed by the
// CA. The caller sets the name that it must have (ServerName).
func (s *Source) Client() *tls.Config {
	l := s.current()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{l.cert},
		RootCAs:      l.pool,
	}
}

// Expires returns when the certificate in use ends.
func (s *Source) Expires() time.Time { return s.current().cert.Leaf.NotAfter }

// current looks at the files before each handshake: three calls of stat cost
// little beside a handshake, and no goroutine has to watch.
func (s *Source) current() loaded {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.stamps()
	if now == s.seen {
		return s.loaded
	}
	s.seen = now
	l, err := load(s.files)
	if err != nil {
		s.warn(fmt.Errorf("the changed certificates are not used: %w", err))
		return s.loaded
	}
	s.loaded = l
	return l
}

func (s *Source) stamps() (all [3]stamp) {
	for i, name := range []string{s.files.CA, s.files.Cert, s.files.Key} {
		// A file that is missing for a moment counts as changed: load returns the reason.
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return all
}

func load(f Files) (l loaded, err error) {
	if l.pool, err = f.pool(); err != nil {
		return l, err
	}
	if l.cert, err = f.pair(); err != nil {
		return l, err
	}
	return l, check(f, l)
}
