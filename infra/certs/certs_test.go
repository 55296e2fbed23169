package certs

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func request(dir string) Request {
	return Request{Dir: dir, Name: "one", Hosts: []string{"localhost", "127.0.0.1", "*.example.org"}, Valid: 48 * time.Hour}
}

func mustMake(t *testing.T, r Request) Made {
	t.Helper()
	m, err := Make(r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func noWarning(t *testing.T) func(error) {
	return func(err error) { t.Errorf("warned: %v", err) }
}

func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	m := mustMake(t, request(dir))
	if !m.NewCA {
		t.Error("the CA is not reported as new")
	}
	src, err := Open(m.Files, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	if !src.Expires().Equal(m.Expires.UTC().Truncate(time.Second)) {
		t.Errorf("ends at %v, reported as %v", src.Expires(), m.Expires)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "a.example.org"} {
		if err := handshake(src.Server(), src.Client(), host); err != nil {
			t.Errorf("host %s: %v", host, err)
		}
	}
	if err := handshake(src.Server(), src.Client(), "elsewhere"); err == nil {
		t.Error("good for a host that was not asked for")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("%d files, %v; want 4", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestMakeReplacesNothingUnasked(t *testing.T) {
	dir := t.TempDir()
	first := mustMake(t, request(dir))
	before := contents(t, first.Files)
	if _, err := Make(request(dir)); !errors.Is(err, ErrExists) {
		t.Fatalf("a second time: %v, want ErrExists", err)
	}
	if contents(t, first.Files) != before {
		t.Error("the refusal changed files")
	}
	again := request(dir)
	again.Force = true
	if m := mustMake(t, again); m.NewCA {
		t.Error("force made a new CA")
	}
	after := contents(t, first.Files)
	if after[0] != before[0] || after[1] == before[1] || after[2] == before[2] {
		t.Error("force is to replace certificate and key, and to leave the CA")
	}
	other := request(dir)
	other.Name = "two"
	m := mustMake(t, other)
	a, err := Open(first.Files, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(m.Files, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(a.Server(), b.Client(), "localhost"); err != nil {
		t.Errorf("two certificates of one CA: %v", err)
	}
}

func TestMakeRefuses(t *testing.T) {
	lonely := t.TempDir()
	if err := os.WriteFile(filepath.Join(lonely, caFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Request)
		says   string
	}{
		"a path for a name": {func(r *Request) { r.Name = "../one" }, "name"},
		"the CA's name":     {func(r *Request) { r.Name = "ca" }, "name"},
		"no host":           {func(r *Request) { r.Hosts = nil }, "hosts"},
		"a port":            {func(r *Request) { r.Hosts = []string{"localhost:80"} }, "localhost:80"},
		"an empty host":     {func(r *Request) { r.Hosts = []string{""} }, "host"},
		"an hour":           {func(r *Request) { r.Valid = time.Hour }, "validity"},
		"half a CA":         {func(r *Request) { r.Dir = lonely }, caKeyFile},
		"no directory":      {func(r *Request) { r.Dir = filepath.Join(lonely, caFile, "x") }, "directory"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t.TempDir())
			c.change(&r)
			if _, err := Make(r); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error about %s", err, c.says)
			}
		})
	}
}

// TestWrongFiles: each wrong file is named, with what is wrong with it.
func TestWrongFiles(t *testing.T) {
	good := mustMake(t, request(t.TempDir())).Files
	other := mustMake(t, request(t.TempDir())).Files
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files   Files
		setting string
		is      error
	}{
		"no CA file":            {Files{"/nowhere.pem", good.Cert, good.Key}, "ca", os.ErrNotExist},
		"no certificate file":   {Files{good.CA, "/nowhere.pem", good.Key}, "cert", os.ErrNotExist},
		"no key file":           {Files{good.CA, good.Cert, "/nowhere.pem"}, "key", os.ErrNotExist},
		"CA without PEM":        {Files{empty, good.Cert, good.Key}, "ca", nil},
		"certificate is no PEM": {Files{good.CA, empty, good.Key}, "cert", nil},
		"key is no PEM":         {Files{good.CA, good.Cert, empty}, "key", nil},
		"key for certificate":   {Files{good.CA, good.Key, good.Key}, "cert", nil},
		"another's key":         {Files{good.CA, good.Cert, other.Key}, "key", ErrMismatch},
		"another CA":            {Files{other.CA, good.Cert, good.Key}, "cert", ErrForeign},
		"expired":               {issued(t, time.Now().Add(-49*time.Hour)), "cert", ErrExpired},
		"not yet":               {issued(t, time.Now().Add(2*time.Hour)), "cert", ErrNotYetValid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(c.files, noWarning(t))
			var fe *FileError
			if !errors.As(err, &fe) || fe.Setting != c.setting {
				t.Fatalf("got %v, want an error of %s", err, c.setting)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v, want %v", err, c.is)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func TestChangedFilesAreUsed(t *testing.T) {
	dir := t.TempDir()
	m := mustMake(t, request(dir))
	var warned []error
	src, err := Open(m.Files, func(err error) { warned = append(warned, err) })
	if err != nil {
		t.Fatal(err)
	}
	before := src.Server().Certificates[0].Leaf.SerialNumber

	if err := os.WriteFile(m.Cert, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := src.Server().Certificates[0].Leaf.SerialNumber; got.Cmp(before) != 0 {
			t.Fatal("a file that cannot be used was used")
		}
	}
	if len(warned) != 1 {
		t.Fatalf("warned %d times, want once: %v", len(warned), warned)
	}

	again := request(dir)
	again.Force = true
	mustMake(t, again)
	after := src.Client().Certificates[0].Leaf.SerialNumber
	if after.Cmp(before) == 0 {
		t.Error("the new certificate is not used")
	}
	if err := handshake(src.Server(), src.Client(), "localhost"); err != nil {
		t.Error(err)
	}
}

// issued makes a certificate of 48 hours that is valid from a moment on.
func issued(t *testing.T, begin time.Time) Files {
	t.Helper()
	dir := t.TempDir()
	f := mustMake(t, request(dir)).Files
	ca, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.issue(request(dir), f, begin); err != nil {
		t.Fatal(err)
	}
	return f
}

func contents(t *testing.T, f Files) (all [3]string) {
	t.Helper()
	for i, name := range []string{f.CA, f.Cert, f.Key} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = string(b)
	}
	return all
}

// handshake connects both sides in memory.
func handshake(server, client *tls.Config, host string) error {
	client.ServerName = host
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	deadline := time.Now().Add(10 * time.Second)
	_ = a.SetDeadline(deadline)
	_ = b.SetDeadline(deadline)
	done := make(chan error, 1)
	go func() { done <- tls.Server(a, server).Handshake() }()
	if err := tls.Client(b, client).Handshake(); err != nil {
		b.Close()
		return errors.Join(err, <-done)
	}
	return <-done
}
