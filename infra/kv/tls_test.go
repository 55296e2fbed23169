package kv_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/certs"
	"github.com/gochat/gochat/infra/kv"
)

// certify writes a certificate for 127.0.0.1, signed by itself, and its key.
func certify(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

// encrypted serves a server over TLS to clients with a certificate.
func encrypted(t *testing.T, cert, key, clients string) string {
	t.Helper()
	own, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	data, err := os.ReadFile(clients)
	require.NoError(t, err)
	known := x509.NewCertPool()
	require.True(t, known.AppendCertsFromPEM(data))
	plain, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := tls.NewListener(plain, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, ClientCAs: known, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	answers := map[string]string{
		"ping": "+PONG\r\n", "info server": info("7.0.1", "standalone"), "info replication": bulk("role:master\r\n"),
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(conn, answers) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func TestEncryptedConnections(t *testing.T) {
	t.Parallel()
	cert, key := certify(t, "server")
	mine, mineKey := certify(t, "client")
	cfg := kv.DefaultConfig()
	cfg.Addrs = []string{encrypted(t, cert, key, mine)}
	for name, c := range map[string]struct {
		tls  certs.Client
		want string
	}{
		"both are known":       {certs.Client{Enabled: true, Files: certs.Files{CA: cert, Cert: mine, Key: mineKey}}, ""},
		"no TLS":               {certs.Client{}, "does not answer"},
		"an unknown server":    {certs.Client{Enabled: true, Files: certs.Files{CA: mine, Cert: mine, Key: mineKey}}, "certificate"},
		"not the system's":     {certs.Client{Enabled: true, Files: certs.Files{Cert: mine, Key: mineKey}}, "certificate"},
		"a client without one": {certs.Client{Enabled: true, Files: certs.Files{CA: cert}}, "kv.addrs"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			cfg.TLS = c.tls
			if c.want == "" {
				client, err := kv.Open(t.Context(), cfg)
				require.NoError(t, err)
				require.NoError(t, client.Health(t.Context()))
				require.NoError(t, client.Close())
				return
			}
			_, err := kv.Open(t.Context(), cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}
