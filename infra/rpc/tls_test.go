package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/infra/certs"
)

func certRequest(dir string) certs.Request {
	return certs.Request{Dir: dir, Name: "gochat", Hosts: []string{ServerName, "127.0.0.1"}, Valid: 48 * time.Hour}
}

func newTLS(t testing.TB) TLSConfig { return makeTLS(t, certRequest(t.TempDir())) }

func makeTLS(t testing.TB, r certs.Request) TLSConfig {
	t.Helper()
	m, err := certs.Make(r)
	if err != nil {
		t.Fatal(err)
	}
	return TLSConfig{Files: m.Files, ServerName: ServerName}
}

// whoCalls answers which identity the caller has proved: the name and the hosts of a certificate that the CA
// has signed, or nobody.
func whoCalls(ctx context.Context, _ string) (string, error) {
	p, _ := peer.FromContext(ctx)
	if p == nil {
		return "nobody", nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return "nobody", nil
	}
	leaf := info.State.VerifiedChains[0][0]
	return leaf.Subject.CommonName + " " + strings.Join(leaf.DNSNames, ","), nil
}

func TestMutualTLS(t *testing.T) {
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.TLS = makeTLS(t, certRequest(dir))
	core, logs := observer.New(zap.WarnLevel)
	t.Cleanup(func() { // after the parallel tests
		if logs.FilterMessageSnippet("refused").Len() == 0 {
			t.Error("the server logged no refusal")
		}
	})
	s := startServerAt(t, "127.0.0.1:0", cfg, zap.New(core), whoCalls)

	byAddress := cfg.TLS
	byAddress.ServerName = ""
	other := certRequest(dir)
	other.Name, other.Hosts = "message", []string{"message", ServerName}
	wrongName := cfg.TLS
	wrongName.ServerName = "elsewhere"
	// A client that trusts the server, but whose own certificate the server does not accept.
	stranger := newTLS(t)
	mixed := filepath.Join(t.TempDir(), "both.pem")
	write(t, mixed, read(t, cfg.TLS.CA)+read(t, stranger.CA))
	trusting := stranger
	trusting.CA = mixed

	for name, c := range map[string]struct {
		tls  TLSConfig
		as   string
		says string
	}{
		"the same certificate":            {cfg.TLS, "gochat gochat", ""},
		"another of the CA":               {makeTLS(t, other), "message message,gochat", ""},
		"checked by address":              {byAddress, "gochat gochat", ""},
		"no TLS":                          {TLSConfig{}, "", ""},
		"a server of another CA":          {stranger, "", "unknown authority"},
		"a server of another name":        {wrongName, "", "elsewhere"},
		"a client certificate of another": {trusting, "", "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := cfg
			own.TLS = c.tls
			got, err := call(limited(t), dial(t, s.addr, own), "")
			if c.as != "" {
				if err != nil || got != c.as {
					t.Fatalf("got %q, %v; want %q", got, err, c.as)
				}
				return
			}
			if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %q, %v; want to be refused with a word on %q", got, err, c.says)
			}
		})
	}
}

func TestNoCertificateIsRefused(t *testing.T) {
	cfg := DefaultConfig()
	cfg.TLS = newTLS(t)
	s := startServer(t, cfg, whoCalls)
	if err := handshakeWithout(s.addr, cfg.TLS.CA); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("a client without a certificate: %v", err)
	}
}

func TestWithoutTLSNobodyIsKnown(t *testing.T) {
	s := startServer(t, DefaultConfig(), whoCalls)
	if got, err := call(limited(t), dial(t, s.addr, DefaultConfig()), ""); err != nil || got != "nobody" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestWrongFilesAtStart: both sides say at once which setting is wrong.
func TestWrongFilesAtStart(t *testing.T) {
	good, other := newTLS(t), newTLS(t)
	for name, c := range map[string]struct {
		tls  TLSConfig
		says string
	}{
		"no file":     {TLSConfig{Files: certs.Files{CA: "/nowhere.pem", Cert: good.Cert, Key: good.Key}}, "rpc.tls.ca: /nowhere.pem: no such file"},
		"another key": {TLSConfig{Files: certs.Files{CA: good.CA, Cert: good.Cert, Key: other.Key}}, "rpc.tls.key: "},
		"another CA":  {TLSConfig{Files: certs.Files{CA: other.CA, Cert: good.Cert, Key: good.Key}}, "rpc.tls.cert: "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.TLS = c.tls
			if _, err := NewServer(cfg, zap.NewNop()); err == nil || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("server: %v, want %q", err, c.says)
			}
			if _, err := Dial("127.0.0.1:1", cfg); err == nil || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("client: %v, want %q", err, c.says)
			}
		})
	}
}

// TestRotation: a running server and a running client change to certificates of
// another CA, without a start, by way of trusting both for a while.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.TLS = makeTLS(t, certRequest(dir))
	s := startServer(t, cfg, whoCalls)
	if _, err := call(limited(t), dial(t, s.addr, cfg), ""); err != nil {
		t.Fatal(err)
	}

	next := certRequest(t.TempDir())
	next.Name, next.Hosts = "next", []string{ServerName, "next"}
	fresh := makeTLS(t, next)
	write(t, cfg.TLS.CA, read(t, cfg.TLS.CA)+read(t, fresh.CA))
	for _, f := range [][2]string{{cfg.TLS.Key, fresh.Key}, {cfg.TLS.Cert, fresh.Cert}} {
		write(t, f[0], read(t, f[1]))
	}
	newer := cfg
	newer.TLS = fresh
	got, err := call(limited(t), dial(t, s.addr, newer), "")
	if err != nil || got != "next gochat,next" {
		t.Errorf("a client of the new CA, which the server had not seen at its start: %q, %v", got, err)
	}
}

// TestRefusedClientsMayReadWhy: a refused client's writes succeed until it has read the alert; a reset
// connection would give it a broken pipe instead.
func TestRefusedClientsMayReadWhy(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- (&lingering{TCPConn: conn.(*net.TCPConn), refused: true}).Close() }()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the client reads %v, want the end", err)
	}
	for range 20 {
		if _, err := client.Write([]byte("a request")); err != nil {
			t.Fatalf("the client writes: %v", err)
		}
		time.Sleep(time.Millisecond) // for a reset to arrive, were there one
	}
	client.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// handshakeWithout connects as a client without a certificate, and waits for the server's answer to that.
func handshakeWithout(addr, ca string) error {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, ServerName: ServerName, NextProtos: []string{"h2"}})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	return err
}

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestEndOfTheCertificateIsShown once, whatever this process serves and calls.
func TestEndOfTheCertificateIsShown(t *testing.T) {
	cfg := DefaultConfig()
	cfg.TLS = newTLS(t)
	reg := prometheus.NewRegistry()
	if _, err := NewServer(cfg, zap.NewNop(), WithMetrics(reg)); err != nil {
		t.Fatal(err)
	}
	c, err := Dial("passthrough:///127.0.0.1:1", cfg, WithMetrics(reg))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "gochat_rpc_certificate_expires_timestamp_seconds" {
			continue
		}
		end := time.Unix(int64(f.GetMetric()[0].GetGauge().GetValue()), 0)
		if left := time.Until(end); left < 47*time.Hour || left > 49*time.Hour {
			t.Fatalf("it ends in %s", left)
		}
		return
	}
	t.Fatal("nothing is shown")
}
