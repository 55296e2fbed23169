package registry

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

const (
	endpointsVar = "GOCHAT_TEST_ETCD_ENDPOINTS"
	binaryVar    = "GOCHAT_TEST_ETCD_BIN"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil { // these tests mostly wait
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// quick are timings for tests; etcd grants no lease of less than 2 s.
var quick = timings{
	ttl: 4 * time.Second, margin: 2 * time.Second,
	workerTTL: 4 * time.Second, workerRenew: 500 * time.Millisecond, quarantine: 2 * time.Second,
	relist: 5 * time.Second, grace: 4 * time.Second, keepLast: time.Minute,
	retry: 200 * time.Millisecond,
}

// patience bounds the wait for what must come.
const patience = time.Minute

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, patience, 10*time.Millisecond, what)
}

// shared returns the settings of a prefix of the test's own on a real etcd.
func shared(t *testing.T) Config {
	t.Helper()
	list := os.Getenv(endpointsVar)
	if list == "" {
		t.Skip("needs a real etcd: set " + endpointsVar)
	}
	cfg := DefaultConfig()
	cfg.Endpoints = strings.Split(list, ",")
	cfg.Prefix = "/test-" + uuid.NewString()
	t.Cleanup(func() {
		c, err := clientv3.New(clientv3.Config{Endpoints: cfg.Endpoints, Logger: zap.NewNop()})
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Delete(within(t, callTimeout), cfg.Prefix+"/", clientv3.WithPrefix())
		require.NoError(t, err)
	})
	return cfg
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func join(t *testing.T, cfg Config, times timings) *Registry {
	t.Helper()
	r, err := open(within(t, patience), cfg, zap.NewNop(), times)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// child is an etcd of the test's own, which may be hurt.
type child struct {
	t       *testing.T
	name    string
	cluster string
	dir     string
	addr    string
	peer    string
	args    []string
	cmd     *exec.Cmd
}

func startEtcd(t *testing.T, args ...string) *child {
	t.Helper()
	return startEtcds(t, 1, args...)[0]
}

// startEtcds starts a cluster.
func startEtcds(t *testing.T, members int, args ...string) (all []*child) {
	t.Helper()
	if os.Getenv(binaryVar) == "" {
		t.Skip("needs an etcd to hurt: set " + binaryVar + " to etcd's program")
	}
	var cluster []string
	for i := range members {
		c := &child{t: t, name: name(i), dir: t.TempDir(), addr: freeAddr(t), peer: freeAddr(t), args: args}
		cluster = append(cluster, c.name+"=http://"+c.peer)
		all = append(all, c)
	}
	for _, c := range all {
		c.cluster = strings.Join(cluster, ",")
		c.launch()
		t.Cleanup(c.kill)
	}
	for _, c := range all {
		c.await()
	}
	return all
}

// given are the addresses that tests have got.
var given sync.Map

// freeAddr returns an address for a server that somebody else starts: below the
// ports that the system gives to whoever asks for any, and no two tests the same.
func freeAddr(t *testing.T) (addr string) {
	eventually(t, "a free port", func() bool {
		addr = fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if _, taken := given.LoadOrStore(addr, true); taken {
			return false
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		return ln.Close() == nil
	})
	return addr
}

func (c *child) start() {
	c.t.Helper()
	c.launch()
	c.await()
}

func (c *child) launch() {
	c.t.Helper()
	scheme := "http"
	if len(c.args) > 0 {
		scheme = "https"
	}
	args := append([]string{
		"--name", c.name, "--data-dir", c.dir + "/data", "--listen-client-urls", scheme + "://" + c.addr, "--advertise-client-urls", scheme + "://" + c.addr,
		"--listen-peer-urls", "http://" + c.peer, "--initial-advertise-peer-urls", "http://" + c.peer, "--initial-cluster", c.cluster,
		"--heartbeat-interval", "50", "--election-timeout", "500", "--unsafe-no-fsync", "--log-level", "error",
	}, c.args...)
	c.cmd = exec.Command(os.Getenv(binaryVar), args...)
	require.NoError(c.t, c.cmd.Start())
}

func (c *child) await() {
	c.t.Helper()
	eventually(c.t, "etcd listens", func() bool {
		conn, err := net.DialTimeout("tcp", c.addr, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func (c *child) signal(s syscall.Signal) { require.NoError(c.t, c.cmd.Process.Signal(s)) }

// wipe is a restart without data.
func (c *child) wipe() {
	c.kill()
	require.NoError(c.t, os.RemoveAll(c.dir+"/data"))
	c.start()
}

func (c *child) config() Config {
	cfg := DefaultConfig()
	cfg.Endpoints = []string{c.addr}
	return cfg
}

// wire is a connection to etcd that can be cut: what is sent is lost.
type wire struct {
	ln  net.Listener
	mu  sync.Mutex
	cut bool
	on  sync.WaitGroup
	all []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{ln: ln}
	w.on.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			w.mu.Lock()
			w.all = append(w.all, in, out)
			w.mu.Unlock()
			w.on.Go(func() { w.carry(in, out) })
			w.on.Go(func() { w.carry(out, in) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		w.mu.Lock()
		for _, c := range w.all {
			c.Close()
		}
		w.mu.Unlock()
		w.on.Wait()
	})
	return w
}

func (w *wire) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		cut := w.cut
		w.mu.Unlock()
		if err != nil {
			return
		}
		if cut {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// set cuts the wire or heals it; what was cut before stays broken.
func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		return
	}
	for _, c := range w.all {
		c.Close()
	}
	w.all = nil
}

func (w *wire) config() Config {
	cfg := DefaultConfig()
	cfg.Endpoints = []string{w.ln.Addr().String()}
	return cfg
}

func name(i int) string { return fmt.Sprintf("p%d", i) }
