package registry

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/infra/certs"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, DefaultConfig().Validate(), "no registry")
	good := DefaultConfig()
	good.Endpoints = []string{"a:2379", "http://b:2379"}
	require.NoError(t, good.Validate())
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no port":             {func(c *Config) { c.Endpoints = []string{"a"} }, "registry.endpoints"},
		"no host":             {func(c *Config) { c.Endpoints = []string{":2379"} }, "registry.endpoints"},
		"a path":              {func(c *Config) { c.Endpoints = []string{"http://a:2379/x"} }, "registry.endpoints"},
		"mixed":               {func(c *Config) { c.Endpoints = []string{"https://a:2379", "http://b:2379"} }, "registry.endpoints"},
		"TLS, but http":       {func(c *Config) { c.Endpoints, c.TLS.CA = []string{"http://a:2379"}, "ca" }, "registry.tls"},
		"name only":           {func(c *Config) { c.Username = "u" }, "registry.password"},
		"password only":       {func(c *Config) { c.Password = "secret" }, "registry.username"},
		"prefix, no slash":    {func(c *Config) { c.Prefix = "gochat" }, "registry.prefix"},
		"prefix, slash after": {func(c *Config) { c.Prefix = "/gochat/" }, "registry.prefix"},
		"no time":             {func(c *Config) { c.DialTimeout = 0 }, "registry.dial_timeout"},
		"no key":              {func(c *Config) { c.TLS.Cert = "x" }, "registry.tls.key"},
	} {
		cfg := good
		tc.change(&cfg)
		require.ErrorContains(t, cfg.Validate(), tc.want, name)
		require.NotContains(t, cfg.Validate().Error(), "secret", name)
	}
}

func TestOldServersAreRefused(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"3.4.0": true, "3.4.23": true, "3.7.3": true, "4.0.0": true, "3.10.1": true,
		"3.3.27": false, "2.3.8": false, "": false, "x.y": false,
	} {
		err := oldEnough("h:1", version)
		require.Equal(t, ok, err == nil, version)
		if !ok {
			require.ErrorContains(t, explain(Config{}, err), "at least 3.4")
		}
	}
}

// refuses checks that a start fails with one sentence that names what to look at.
func refuses(t *testing.T, cfg Config, words ...string) {
	t.Helper()
	cfg.DialTimeout = 5 * time.Second // long enough for one try that ends by itself
	r, err := Open(within(t, patience), cfg, zap.NewNop())
	if err == nil {
		require.NoError(t, r.Close())
	}
	for _, w := range words {
		require.ErrorContains(t, err, w)
	}
	require.NotContains(t, err.Error(), "\n", "one sentence")
	require.NotContains(t, err.Error(), "hunter2", "no password")
	t.Log(err)
}

func TestWrongAddress(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Endpoints = []string{"127.0.0.1:1"}
	refuses(t, cfg, "registry.endpoints", cfg.Endpoints[0], "refused")
	cfg.Endpoints = []string{"no-such-host.invalid:2379"}
	refuses(t, cfg, "registry.endpoints", "no-such-host.invalid")
	cfg.Endpoints = nil
	refuses(t, cfg, "registry.endpoints")
}

// Something listens, and never says a word.
func TestNoEtcdAtTheAddress(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	cfg := DefaultConfig()
	cfg.Endpoints = []string{ln.Addr().String()}
	refuses(t, cfg, "registry.endpoints", "does not answer")
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	admin, err := clientv3.New(clientv3.Config{Endpoints: []string{etcd.addr}, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer admin.Close()
	ctx := within(t, patience)
	for _, user := range []string{"root", "gochat", "stranger"} {
		_, err = admin.UserAdd(ctx, user, "hunter2-"+user)
		require.NoError(t, err)
	}
	_, err = admin.UserGrantRole(ctx, "root", "root")
	require.NoError(t, err)
	_, err = admin.RoleAdd(ctx, "gochat")
	require.NoError(t, err)
	_, err = admin.RoleGrantPermission(ctx, "gochat", "/gochat/", clientv3.GetPrefixRangeEnd("/gochat/"), clientv3.PermissionType(clientv3.PermReadWrite))
	require.NoError(t, err)
	_, err = admin.UserGrantRole(ctx, "gochat", "gochat")
	require.NoError(t, err)
	_, err = admin.AuthEnable(ctx)
	require.NoError(t, err)

	cfg := etcd.config()
	refuses(t, cfg, "registry.username", "registry.password")
	cfg.Username, cfg.Password = "gochat", "hunter2"
	refuses(t, cfg, "registry.username", "registry.password", "gochat")
	cfg.Username, cfg.Password = "stranger", "hunter2-stranger"
	refuses(t, cfg, "registry.username", "registry.prefix", "stranger")

	cfg.Username, cfg.Password = "gochat", "hunter2-gochat"
	r := join(t, cfg, quick)
	require.NoError(t, r.Health(within(t, patience)))
	// With as few rights as that, everything works.
	_, err = r.Register(within(t, patience), "logic", Instance{ID: "a", Address: "h:1"})
	require.NoError(t, err)
	c := resolve(t, r, "logic")
	eventually(t, "resolved", func() bool { return c.last() == "h:1" })
	w, err := r.ClaimWorkerID(within(t, patience), 7, "p")
	require.NoError(t, err)
	first := w.Deadline()
	eventually(t, "confirmed", func() bool { return w.Deadline().After(first.Add(quick.workerTTL)) })
	l, err := r.Lock(within(t, patience), "x")
	require.NoError(t, err)
	l.Unlock()
	require.NoError(t, r.Campaign(within(t, patience), "chores", func(context.Context) error { return nil }))
}

func TestTLS(t *testing.T) {
	t.Parallel()
	issue := func(dir string, hosts ...string) certs.Made {
		m, err := certs.Make(certs.Request{Dir: dir, Name: "etcd", Hosts: hosts, Valid: 48 * time.Hour})
		require.NoError(t, err)
		return m
	}
	own := issue(t.TempDir(), "127.0.0.1")
	foreign := issue(t.TempDir(), "127.0.0.1")
	etcd := startEtcd(t, "--cert-file", own.Cert, "--key-file", own.Key, "--client-cert-auth", "--trusted-ca-file", own.CA)
	cfg := etcd.config()
	cfg.TLS = own.Files
	var r *Registry
	eventually(t, "etcd serves", func() (ok bool) {
		var err error
		r, err = open(within(t, patience), cfg, zap.NewNop(), quick)
		return err == nil
	})
	require.NoError(t, r.Health(within(t, patience)))
	require.NoError(t, r.Close())

	plain := cfg
	plain.TLS = certs.Files{}
	refuses(t, plain, "registry.tls")
	noCert := cfg
	noCert.TLS = certs.Files{CA: own.CA}
	refuses(t, noCert, "registry.tls.cert", "certificate")
	wrongCA := cfg
	wrongCA.TLS.CA = foreign.CA
	refuses(t, wrongCA, "registry.tls.ca", "unknown authority")
	wrongCert := cfg
	wrongCert.TLS.Cert, wrongCert.TLS.Key = foreign.Cert, foreign.Key
	refuses(t, wrongCert, "registry.tls.cert")
	noFile := cfg
	noFile.TLS.CA = "/no/such/file"
	refuses(t, noFile, "registry.tls.ca", "/no/such/file")
	noPEM := cfg
	noPEM.TLS.CA = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(noPEM.TLS.CA, []byte("x"), 0o600))
	refuses(t, noPEM, "registry.tls.ca", "PEM")
	noKey := cfg
	noKey.TLS.Key = noPEM.TLS.CA
	refuses(t, noKey, "registry.tls.key")
}

// While etcd is away, the log gets a line now and then, and one when it is back.
func TestLogInAnOutage(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	core, logs := observer.New(zap.InfoLevel)
	r, err := open(within(t, patience), etcd.config(), zap.New(core), quick)
	require.NoError(t, err)
	defer r.Close()
	for _, service := range []string{"a", "b", "c"} {
		_, err := r.Register(within(t, patience), service, Instance{ID: "1", Address: "h:1"})
		require.NoError(t, err)
		resolve(t, r, service)
	}
	lines := func(word string) int {
		return len(logs.Filter(func(e observer.LoggedEntry) bool { return strings.Contains(e.Message, word) }).All())
	}
	etcd.kill()
	eventually(t, "a warning", func() bool { return lines("does not answer properly") > 0 })
	require.Error(t, r.Health(within(t, time.Second)))
	time.Sleep(2 * time.Second) // as many calls fail as may
	require.Equal(t, 1, logs.FilterLevelExact(zap.WarnLevel).Len())
	etcd.start()
	eventually(t, "it is back", func() bool { return lines("serves again") == 1 })
}

// What is closed refuses, and has left nothing behind (the leak check sees to that).
func TestClosed(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	r, err := Open(within(t, patience), cfg, zap.NewNop())
	require.NoError(t, err)
	reg, err := r.Register(within(t, patience), "logic", Instance{ID: "a", Address: "h:1"})
	require.NoError(t, err)
	w, err := r.ClaimWorkerID(within(t, patience), 7, "p")
	require.NoError(t, err)
	l, err := r.Lock(within(t, patience), "x")
	require.NoError(t, err)
	watched := make(chan error, 1)
	go func() { watched <- r.WatchConfig(context.Background(), func(map[string]string) {}) }()
	led := make(chan error, 1)
	go func() {
		led <- r.Campaign(context.Background(), "c", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	}()

	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "twice")
	require.NoError(t, <-watched)
	require.NoError(t, <-led)
	<-l.Lost()
	l.Unlock()
	require.False(t, w.Valid())
	require.NoError(t, w.Close())
	require.NoError(t, reg.Close())
	_, err = r.Register(within(t, patience), "logic", Instance{ID: "a", Address: "h:1"})
	require.Error(t, err)
	_, err = r.ClaimWorkerID(within(t, patience), 7, "p")
	require.Error(t, err)
	_, err = r.Lock(within(t, patience), "x")
	require.Error(t, err)
	require.NoError(t, r.Campaign(within(t, patience), "c", func(context.Context) error { return nil }))

	next := join(t, cfg, quick)
	c := resolve(t, next, "logic")
	eventually(t, "nobody is registered", func() bool { return c.failed(ErrNoInstance) })
}
