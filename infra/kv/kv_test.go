package kv_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gochat/gochat/infra/kv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConfigsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*kv.Config){
		"kv.timeout":           func(c *kv.Config) { c.Timeout = 501 * time.Millisecond },
		"kv.timeout: must":     func(c *kv.Config) { c.Timeout = 0 },
		"kv.pool_size":         func(c *kv.Config) { c.PoolSize = -1 },
		"kv.db: a cluster":     func(c *kv.Config) { c.DB, c.Addrs = 1, []string{"a:1", "b:1"} },
		"kv.db: must":          func(c *kv.Config) { c.DB = -1 },
		"kv.master_name":       func(c *kv.Config) { c.MasterName = "gochat" },
		"kv.sentinel_password": func(c *kv.Config) { c.SentinelPassword = "x" },
		"kv.tls.key":           func(c *kv.Config) { c.TLS.Enabled, c.TLS.Cert = true, "x" },
		"kv.tls.enabled":       func(c *kv.Config) { c.TLS.CA = "x" },
		"kv.tls.ca: /nowhere":  func(c *kv.Config) { c.TLS.Enabled, c.TLS.CA = true, "/nowhere" },
		"holds no certificate": func(c *kv.Config) { c.TLS.Enabled, c.TLS.CA = true, os.Args[0] },
		"kv.tls.cert: /nowhere": func(c *kv.Config) {
			c.TLS.Enabled, c.TLS.Cert, c.TLS.Key = true, "/nowhere", "/nowhere"
		},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			cfg := kv.DefaultConfig()
			change(&cfg)
			_, err := kv.Open(t.Context(), cfg)
			require.ErrorContains(t, err, want)
		})
	}
	require.NoError(t, kv.DefaultConfig().Validate())
}

// fake is a server that answers each command with what answers says, "" with OK.
func fake(t *testing.T, answers map[string]string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, answers)
		}
	}()
	return l.Addr().String()
}

func serve(conn net.Conn, answers map[string]string) {
	defer func() { _ = conn.Close() }()
	for r := bufio.NewReader(conn); ; {
		words, err := command(r)
		if err != nil {
			return
		}
		answer, known := answers[strings.ToLower(strings.Join(words, " "))]
		if !known {
			answer, known = answers[strings.ToLower(words[0])]
		}
		switch {
		case known:
		case strings.EqualFold(words[0], "hello"):
			answer = "-ERR unknown command 'hello'\r\n"
		default:
			answer = "+OK\r\n"
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func command(r *bufio.Reader) (words []string, err error) {
	number := func() (n int, err error) {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := number()
	if err != nil {
		return nil, err
	}
	for range n {
		size, err := number()
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(r, word); err != nil {
			return nil, err
		}
		words = append(words, string(word[:size]))
	}
	return words, nil
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func info(version, mode string) string {
	return bulk("# Server\r\nredis_version:" + version + "\r\nredis_mode:" + mode + "\r\n")
}

// TestServersThatCannotBeUsed are named in one sentence, with the reason and the
// setting, without the password.
func TestServersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	master := bulk("# Replication\r\nrole:master\r\n")
	for name, c := range map[string]struct {
		answers map[string]string
		change  func(*kv.Config)
		want    []string
	}{
		"too old":  {map[string]string{"info server": info("5.0.14", "standalone")}, nil, []string{"5.0.14", "6.0 or newer", "kv.addrs"}},
		"password": {map[string]string{"hello": "-WRONGPASS invalid username-password pair\r\n", "auth": "-WRONGPASS invalid username-password pair\r\n", "ping": "-NOAUTH Authentication required.\r\n"}, nil, []string{"refuses", "kv.password"}},
		"sentinel": {map[string]string{"info server": info("7.0.15", "sentinel")}, nil, []string{"is a sentinel", "kv.master_name"}},
		"replica":  {map[string]string{"info server": info("7.0.15", "standalone"), "info replication": bulk("role:slave\r\n")}, nil, []string{"is a replica", "kv.addrs"}},
		"no cluster": {
			map[string]string{"cluster": "-ERR This instance has cluster support disabled\r\n", "info server": info("7.0.15", "standalone"), "info replication": master},
			func(c *kv.Config) { c.Addrs = append(c.Addrs, c.Addrs[0]) }, []string{"are no cluster", "kv.addrs"},
		},
		"no sentinel": {
			map[string]string{"sentinel": "-ERR unknown command 'sentinel'\r\n"},
			func(c *kv.Config) { c.MasterName = "gochat" }, []string{"is no sentinel", "kv.master_name"},
		},
		"unknown master": {
			map[string]string{"sentinel": "*-1\r\n"},
			func(c *kv.Config) { c.MasterName = "other" }, []string{"knows no master", `"other"`, "kv.master_name"},
		},
		"sentinel's password": {
			map[string]string{"sentinel": "-NOAUTH Authentication required.\r\n"},
			func(c *kv.Config) { c.MasterName = "gochat" }, []string{"refuses", "kv.sentinel_password"},
		},
		"nobody there": {nil, func(c *kv.Config) { c.Addrs = []string{"127.0.0.1:1"} }, []string{"127.0.0.1:1", "does not answer", "kv.addrs"}},
		"no sentinel there": {nil, func(c *kv.Config) { c.Addrs, c.MasterName = []string{"127.0.0.1:1"}, "gochat" },
			[]string{"sentinel 127.0.0.1:1", "does not answer", "kv.addrs"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := kv.DefaultConfig()
			cfg.Addrs, cfg.Password = []string{fake(t, c.answers)}, "SECRET"
			if c.change != nil {
				c.change(&cfg)
			}
			_, err := kv.Open(t.Context(), cfg)
			require.Error(t, err)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "SECRET")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// TestServerThatSaysLittle: an account that may not call INFO can be used all the same.
func TestServerThatSaysLittle(t *testing.T) {
	t.Parallel()
	cfg := kv.DefaultConfig()
	cfg.Addrs = []string{fake(t, map[string]string{"info": "-NOPERM this user has no permissions to run the 'info' command\r\n", "ping": "+PONG\r\n"})}
	c, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, c.Health(t.Context()))
	require.NoError(t, c.Close())
}

// TestNoServer: a configuration without a server is ErrNoServer.
func TestNoServer(t *testing.T) {
	t.Parallel()
	_, err := kv.Open(t.Context(), kv.DefaultConfig())
	require.ErrorIs(t, err, kv.ErrNoServer)
}

func TestRealServers(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{
		"single": "GOCHAT_TEST_REDIS_ADDR", "sentinel": "GOCHAT_TEST_REDIS_SENTINEL_ADDRS", "cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
		"one node of a cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Getenv(env) == "" {
				t.Skip("set " + env + " (host:port,host:port,…) to run it on a real Redis")
			}
			cfg := kv.DefaultConfig()
			cfg.Addrs = strings.Split(os.Getenv(env), ",")
			switch name {
			case "sentinel":
				cfg.MasterName = "gochat"
			case "one node of a cluster":
				cfg.Addrs = cfg.Addrs[:1]
			}
			c := works(t, cfg)
			_, cluster := c.UniversalClient.(*redis.ClusterClient)
			assert.Equal(t, strings.Contains(name, "cluster"), cluster)
		})
	}
}

func works(t *testing.T, cfg kv.Config) *kv.Client {
	t.Helper()
	c, err := kv.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	require.NoError(t, c.Health(t.Context()))
	for i := range 50 { // every node of a cluster gets some
		key := fmt.Sprint("kv_test:", i, time.Now().UnixNano())
		require.NoError(t, c.Set(t.Context(), key, i, time.Minute).Err())
		got, err := c.Get(t.Context(), key).Int()
		require.NoError(t, err)
		require.Equal(t, i, got)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, c.Health(gone))
	return c
}
