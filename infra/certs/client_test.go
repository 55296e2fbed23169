package certs

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// TestClient: a client with the server's CA and a certificate of that CA gets in; a renewed certificate is
// used by the next connection, without a restart.
func TestClient(t *testing.T) {
	dir := t.TempDir()
	m := mustMake(t, request(dir))
	src, err := Open(m.Files, noWarning(t))
	if err != nil {
		t.Fatal(err)
	}
	config, err := Client{Enabled: true, Files: m.Files}.Config("x.tls")
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(src.Server(), config.Clone(), "localhost"); err != nil {
		t.Error(err)
	}
	if err := handshake(src.Server(), config.Clone(), "elsewhere"); err == nil {
		t.Error("the server's name is not checked")
	}
	own, err := config.GetClientCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	before := own.Leaf.SerialNumber
	again := request(dir)
	again.Force = true
	mustMake(t, again)
	if own, err = config.GetClientCertificate(nil); err != nil || own.Leaf.SerialNumber.Cmp(before) == 0 {
		t.Errorf("the renewed certificate is not used (%v)", err)
	}
}

// TestClientWithoutFiles: without TLS there is no configuration, and without files the system's CAs count.
func TestClientWithoutFiles(t *testing.T) {
	if config, err := (Client{}).Config("x.tls"); config != nil || err != nil {
		t.Errorf("got %v, %v; want nothing", config, err)
	}
	config, err := Client{Enabled: true}.Config("x.tls")
	if err != nil || config.RootCAs != nil || config.GetClientCertificate != nil {
		t.Errorf("got %+v, %v; want the system's CAs and no certificate", config, err)
	}
}

// TestWrongFilesOfAClient: the sentence names the setting and the file, and a key that is open to others is
// narrowed before it is read.
func TestWrongFilesOfAClient(t *testing.T) {
	good, other := mustMake(t, request(t.TempDir())).Files, mustMake(t, request(t.TempDir())).Files
	for want, files := range map[string]Files{
		"x.tls.ca: /nowhere.pem: ":   {"/nowhere.pem", good.Cert, good.Key},
		"x.tls.ca: " + good.Key:      {good.Key, good.Cert, good.Key},
		"x.tls.cert: /nowhere.pem: ": {good.CA, "/nowhere.pem", good.Key},
		"x.tls.key: " + other.Key:    {good.CA, good.Cert, other.Key},
	} {
		_, err := Client{Enabled: true, Files: files}.Config("x.tls")
		var fe *FileError
		if !errors.As(err, &fe) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
	for _, files := range []Files{{Cert: "a"}, {Key: "a"}} {
		if err := files.Complete("x.tls"); err == nil || !strings.HasPrefix(err.Error(), "x.tls.cert and x.tls.key: ") {
			t.Errorf("%+v: got %v", files, err)
		}
	}
	if err := good.Complete("x.tls"); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(good.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := good.ClientConfig("x.tls"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(good.Key); err != nil || info.Mode().Perm() != fs.FileMode(0o640) {
		t.Errorf("the key has mode %v, %v", info.Mode(), err)
	}
}

// TestACertificateBehindItsKey: some tools write both into one file, in either order.
func TestACertificateBehindItsKey(t *testing.T) {
	m := mustMake(t, request(t.TempDir()))
	all := contents(t, m.Files)
	if err := os.WriteFile(m.Cert, []byte(all[2]+all[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Files{Cert: m.Cert, Key: m.Cert}).ClientConfig("x.tls"); err != nil {
		t.Error(err)
	}
}
