package cli

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gochat/gochat/infra/certs"
	"github.com/gochat/gochat/infra/rpc"
)

func runCerts(args ...string) (string, error) {
	var out bytes.Buffer
	cmd := certsCommand(&out)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.Execute()
	return out.String(), err
}

// TestCertsCommand: with the settings that the command prints, the certificates that it made are accepted.
func TestCertsCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	out, err := runCerts("--dir", dir, "--host", "10.0.0.5", "--host", "chat.example.org,localhost")
	if err != nil {
		t.Fatal(err)
	}
	cfg := rpc.DefaultConfig()
	cfg.Listen = "0.0.0.0:0"
	cfg.TLS.CA = filepath.Join(dir, "ca.pem")
	cfg.TLS.Cert = filepath.Join(dir, "gochat.pem")
	cfg.TLS.Key = filepath.Join(dir, "gochat-key.pem")
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	files := certs.Files{CA: cfg.TLS.CA, Cert: cfg.TLS.Cert, Key: cfg.TLS.Key}
	if _, err := certs.Open(files, func(error) {}); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"gochat, localhost, 127.0.0.1, ::1, 10.0.0.5, chat.example.org\n", "by a new CA",
		"GOCHAT_RPC_TLS_CA=\"" + cfg.TLS.CA, "GOCHAT_RPC_TLS_CERT=\"" + cfg.TLS.Cert, "GOCHAT_RPC_TLS_KEY=\"" + cfg.TLS.Key,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
}

func TestCertsCommandRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := runCerts("--dir", dir); err != nil {
		t.Fatal(err)
	}
	if _, err := runCerts("--dir", dir); !errors.Is(err, certs.ErrExists) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a second time: %v", err)
	}
	if out, err := runCerts("--dir", dir, "--force"); err != nil || !strings.Contains(out, "by the CA that was there") {
		t.Errorf("by force: %q, %v", out, err)
	}
	for _, args := range [][]string{{"--days", "0"}, {"--days", "9999"}, {"--host", "a:1"}, {"--name", "a/b"}, {"more"}} {
		if _, err := runCerts(append(args, "--dir", t.TempDir())...); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
