package certs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// The names of the CA's files within a directory.
const (
	caFile    = "ca.pem"
	caKeyFile = "ca-key.pem"
)

// ErrExists says that a file exists and must not be replaced.
var ErrExists = errors.New("exists already")

// Request describes a certificate to make.
type Request struct {
	// Dir gets the files; it is made when there is none.
	Dir string
	// Name is the subject's name and begins the files' names: NAME.pem, NAME-key.pem.
	Name string
	// Hosts are the DNS names and IP addresses for which the certificate is valid.
	Hosts []string
	// Valid is how long the certificate lasts, a day or more; it never outlasts its CA.
	Valid time.Duration
	// Force replaces an earlier certificate of this name. A CA is never replaced.
	Force bool
}

// Made is what Make has made.
type Made struct {
	Files
	// NewCA: the CA was made too; otherwise the CA in the directory has signed.
	NewCA bool
	// Expires is when the certificate ends.
	Expires time.Time
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Make makes a certificate for both sides of a connection (ECDSA P-256), signed by the CA in the directory,
// which it makes when there is none. The CA is meant for development and for small private networks: its key
// is in the same directory. All files have mode 0600. The error wraps ErrExists when there is a certificate
// of this name already.
func Make(r Request) (Made, error) {
	m := Made{Files: Files{
		CA:   filepath.Join(r.Dir, caFile),
		Cert: filepath.Join(r.Dir, r.Name+".pem"),
		Key:  filepath.Join(r.Dir, r.Name+"-key.pem"),
	}}
	if err := r.check(m.Files); err != nil {
		return m, err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return m, fmt.Errorf("make the directory %s: %w", r.Dir, err)
	}
	ca, err := openAuthority(r.Dir)
	if errors.Is(err, os.ErrNotExist) {
		m.NewCA = true
		ca, err = newAuthority(r.Dir)
	}
	if err != nil {
		return m, err
	}
	m.Expires, err = ca.issue(r, m.Files, time.Now())
	return m, err
}

func (r Request) check(f Files) error {
	if !plainName.MatchString(r.Name) || r.Name == "ca" {
		return fmt.Errorf("name %q: must be 1 to 64 letters, digits, dots, dashes or underscores, and not \"ca\"", r.Name)
	}
	if r.Valid < 24*time.Hour {
		return fmt.Errorf("validity %v: must be a day or more", r.Valid)
	}
	if len(r.Hosts) == 0 {
		return errors.New("hosts: a certificate needs one at least")
	}
	for _, h := range r.Hosts {
		if net.ParseIP(h) == nil && !hostName.MatchString(h) {
			return fmt.Errorf("host %q: must be a DNS name or an IP address, without a port", h)
		}
	}
	if r.Force {
		return nil
	}
	for _, file := range []string{f.Cert, f.Key} {
		if _, err := os.Lstat(file); err == nil {
			return fmt.Errorf("%s %w", file, ErrExists)
		}
	}
	return nil
}

var hostName = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$`)
