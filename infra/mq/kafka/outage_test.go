package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

// ownKafka is a broker that a test may hurt.
type ownKafka struct{ dir, port string }

func startKafka(t *testing.T) ownKafka {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_LOCAL") == "" {
		t.Skip("set GOCHAT_TEST_LOCAL=1 to start a Kafka of deploy/local, and hurt it")
	}
	if raced {
		t.Skip("the client races with itself while its broker is away: run it without -race, as CI does")
	}
	k := ownKafka{t.TempDir(), freePorts(t)}
	t.Cleanup(func() { k.do(t, "down") })
	k.do(t, "up", "kafka")
	return k
}

// do runs a command of deploy/local.
func (k ownKafka) do(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "../../../deploy/local/local", append([]string{"--dir", k.dir, "--base-port", k.port}, args...)...) //nolint:gosec // ours
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", args, out)
}

func (k ownKafka) config() kafka.Config {
	cfg := kafka.DefaultConfig()
	cfg.Brokers = []string{"127.0.0.1:" + k.port}
	cfg.PublishTimeout = 3 * time.Second
	return cfg
}

var lastPort atomic.Int64

// handedOut are the ports that tests at the same time have got already.
var handedOut sync.Map

// freePorts returns the first of three ports in a row that nobody listens on.
func freePorts(t *testing.T) string {
	t.Helper()
	for range 10 {
		base := 25157 + int(lastPort.Add(3))
		if !free(base) || !free(base+1) || !free(base+2) {
			continue
		}
		if _, taken := handedOut.LoadOrStore(base, true); !taken {
			return strconv.Itoa(base)
		}
	}
	require.FailNow(t, "there are no three free ports from 25160 on")
	return ""
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // at once
	return err == nil && l.Close() == nil
}

// writer publishes 1, 2, 3 … of one key, each until it is confirmed.
type writer struct {
	name      string
	publish   func(ctx context.Context, out mq.Outbound) error
	topic     string
	confirmed atomic.Int64
	failed    atomic.Pointer[error] // what it was told last
}

func (w *writer) run(ctx context.Context, t *testing.T, limit time.Duration) {
	for n := 1; ctx.Err() == nil; {
		began := time.Now()
		err := w.publish(ctx, to(w.topic, fmt.Sprintf("%s.%d", w.name, n)))
		if took := time.Since(began); took > limit {
			t.Errorf("a call of %s took %v, and it ends after %v", w.name, took, limit)
		}
		if err == nil {
			w.confirmed.Store(int64(n))
			n++
			continue
		}
		if !errors.Is(err, context.Canceled) {
			w.failed.Store(&err)
			time.Sleep(20 * time.Millisecond) // as a router's retry does
		}
	}
}

// goOn waits until each of the writers has published something more.
func goOn(t *testing.T, writers []*writer, when string) {
	t.Helper()
	before := make([]int64, len(writers))
	for i, w := range writers {
		before[i] = w.confirmed.Load()
	}
	for i, w := range writers {
		if assert.Eventually(t, func() bool { return w.confirmed.Load() >= before[i]+5 }, 30*time.Second, 10*time.Millisecond, when) {
			continue
		}
		if err := w.failed.Load(); err != nil {
			t.Logf("%s was told last: %v", w.name, *err)
		}
		t.FailNow()
	}
}

// areThere asserts that a topic has what its writers were confirmed, in order.
func areThere(t *testing.T, cfg kafka.Config, r rig, topic string, writers []*writer) {
	t.Helper()
	ids, _ := committed(t, cfg, r, topic)
	last := map[string]int64{}
	for _, id := range ids {
		name, number, _ := strings.Cut(id, ".")
		n, err := strconv.ParseInt(number, 10, 64)
		require.NoError(t, err)
		require.True(t, n == last[name] || n == last[name]+1, "%s follows %d: lost or overtaken", id, last[name])
		last[name] = n
	}
	for _, w := range writers {
		if w.topic == topic {
			assert.GreaterOrEqual(t, last[w.name], w.confirmed.Load(), "%s was confirmed and is not there", w.name)
		}
	}
}

// TestProducersOverOutages kills the broker and stops it for a while under load. The same producers go on by
// themselves; what was confirmed is there, and in order.
func TestProducersOverOutages(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	cfg := k.config()
	r := newRig(t, cfg)
	plain, whole := r.topic(t, "plain"), r.topic(t, "whole")
	out := r.outbox(t, "out")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	var writers []*writer
	for i := range 4 {
		for _, w := range []*writer{
			{name: fmt.Sprint("plain", i), topic: plain, publish: func(_ context.Context, o mq.Outbound) error {
				return r.Publisher().Publish(o.Topic, o.Message)
			}},
			{name: fmt.Sprint("whole", i), topic: whole, publish: func(ctx context.Context, o mq.Outbound) error { return out.Publish(ctx, o) }},
		} {
			writers = append(writers, w)
			running.Go(func() { w.run(ctx, t, 2*cfg.PublishTimeout) })
		}
	}
	goesOn := func(when string) { t.Helper(); goOn(t, writers, when) }
	goesOn("before anything happened")
	for _, away := range []time.Duration{0, 5 * time.Second} {
		k.do(t, "kill", "kafka")
		time.Sleep(away)
		k.do(t, "start", "kafka")
		goesOn(fmt.Sprintf("killed, and away for %v", away))
	}
	k.do(t, "pause", "kafka")
	time.Sleep(2 * cfg.PublishTimeout) // calls end meanwhile
	k.do(t, "resume", "kafka")
	goesOn("stopped")
	stop()
	running.Wait()

	for _, topic := range []string{plain, whole} {
		areThere(t, cfg, r, topic, writers)
	}
}

// TestCloseWithoutBroker: the end of a process does not wait for ever.
func TestCloseWithoutBroker(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	cfg := k.config()
	tr := join(t, cfg)
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic", Partitions: 1}))
	out, err := tr.Outbox("out")
	require.NoError(t, err)
	require.NoError(t, out.Publish(t.Context(), to("topic", "1")))
	k.do(t, "kill", "kafka")
	require.Error(t, out.Publish(t.Context(), to("topic", "2")))
	require.Error(t, tr.Publisher().Publish("topic", to("topic", "2").Message))
	closed := make(chan error, 1)
	go func() { closed <- tr.Close() }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it does not close")
	}
}
