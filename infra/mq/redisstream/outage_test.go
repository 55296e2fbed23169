package redisstream

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

// writer publishes 1, 2, 3 … of one key to several topics, each until it is
// confirmed.
type writer struct {
	key       string
	confirmed atomic.Int64
}

func (w *writer) run(ctx context.Context, publish func(ctx context.Context, m *message.Message) error) {
	for n := int64(1); ctx.Err() == nil; {
		m := message.NewMessage(fmt.Sprintf("%s/%d", w.key, n), []byte("x"))
		m.Metadata = message.Metadata{mq.KeyMetadata: w.key}
		if publish(ctx, m) == nil {
			w.confirmed.Store(n)
			n++
		} else {
			pause.For(ctx.Done(), 20*time.Millisecond) // as a router's retry does
		}
	}
}

// reader notes what it gets.
type reader struct {
	mu     sync.Mutex
	last   map[string]int64
	faults []string
}

func (r *reader) run(ch <-chan *message.Message) {
	for m := range ch {
		key, text, _ := strings.Cut(m.UUID, "/")
		n, err := strconv.ParseInt(text, 10, 64)
		r.mu.Lock()
		if err != nil || n > r.last[key]+1 {
			r.faults = append(r.faults, fmt.Sprintf("%s comes after %d", m.UUID, r.last[key]))
		}
		r.last[key] = max(r.last[key], n)
		r.mu.Unlock()
		m.Ack()
	}
}

func (r *reader) at(key string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[key]
}

// load is writers and readers at work.
type load struct {
	tr      *Transport
	writers []*writer
	readers map[string]*reader
	stop    context.CancelFunc
	running sync.WaitGroup
}

// startLoad has half of the writers publish to a topic and half of them to two at
// once, and a group and a tail read one of them.
func startLoad(t *testing.T, tr *Transport) *load {
	t.Helper()
	l := &load{tr: tr, readers: map[string]*reader{}}
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "one"}, mq.Topic{Name: "two"}))
	out, err := tr.Outbox("out")
	require.NoError(t, err)
	for name, cfg := range map[string]mq.SubscriberConfig{"group": {Group: "g"}, "tail": {}} {
		sub, err := tr.Subscriber(cfg)
		require.NoError(t, err)
		ch, err := sub.Subscribe(context.WithoutCancel(t.Context()), "one")
		require.NoError(t, err)
		r := &reader{last: map[string]int64{}}
		l.readers[name] = r
		go r.run(ch) // until the transport closes
	}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	for i := range 8 {
		w := &writer{key: fmt.Sprint("w", i)}
		l.writers = append(l.writers, w)
		l.running.Go(func() {
			w.run(ctx, func(ctx context.Context, m *message.Message) error {
				if i%2 == 0 {
					return tr.Publisher().Publish("one", m)
				}
				return out.Publish(ctx, mq.Outbound{Topic: "one", Message: m}, mq.Outbound{Topic: "two", Message: m})
			})
		})
	}
	return l
}

// goesOn waits until every writer and every reader has come on.
func (l *load) goesOn(t *testing.T, when string) {
	t.Helper()
	from := map[*writer]int64{}
	for _, w := range l.writers {
		from[w] = w.confirmed.Load()
	}
	require.Eventually(t, func() bool {
		for _, w := range l.writers {
			for _, r := range l.readers {
				if w.confirmed.Load() < from[w]+5 || r.at(w.key) < from[w]+5 {
					return false
				}
			}
		}
		return true
	}, 30*time.Second, 10*time.Millisecond, when)
}

// end stops the writers and looks at what came of it.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.running.Wait()
	for name, r := range l.readers {
		for _, w := range l.writers {
			assert.Eventually(t, func() bool { return r.at(w.key) >= w.confirmed.Load() }, 10*time.Second, 10*time.Millisecond,
				"%s lacks what %s published", name, w.key)
		}
		r.mu.Lock()
		assert.Empty(t, r.faults, name)
		r.mu.Unlock()
	}
	one, two := stored(t, l.tr, "one"), stored(t, l.tr, "two")
	for i, w := range l.writers {
		if i%2 == 1 {
			// What all groups have read of the first topic may be gone by now; nobody reads the second.
			before := len(two[w.key]) - len(one[w.key])
			if assert.GreaterOrEqual(t, before, 0, w.key) {
				assert.Equal(t, one[w.key], two[w.key][before:], "what was published together")
			}
		}
	}
}

// TestOverOutages kills the server and stops it for a while under load. All clients go on by themselves; what
// was confirmed is there, in order, and every call is whole.
func TestOverOutages(t *testing.T) {
	t.Parallel()
	srv := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	l := startLoad(t, srv.open(t, keepAll))
	l.goesOn(t, "before anything happened")
	for _, away := range []time.Duration{0, 3 * time.Second} { // and once for longer than a lease
		srv.kill(t)
		time.Sleep(away)
		srv.start(t)
		l.goesOn(t, fmt.Sprintf("killed, and away for %v", away))
	}
	srv.signal(t, syscall.SIGSTOP)
	time.Sleep(3 * time.Second)
	srv.signal(t, syscall.SIGCONT)
	l.goesOn(t, "stopped")
	l.end(t)
}

// keepAll keeps everything, for the check at the end.
func keepAll(c *Config) { c.Retain = 1_000_000 }

// stored returns the messages of a topic, by key.
func stored(t *testing.T, tr *Transport, topic string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, stream := range tr.keys.all(topic, tr.cfg.Shards) {
		entries, err := tr.rdb.XRange(t.Context(), stream, "-", "+").Result()
		require.NoError(t, err)
		for _, e := range entries {
			m := decode(e)
			key := m.Metadata[mq.KeyMetadata]
			out[key] = append(out[key], m.UUID)
		}
	}
	return out
}

// TestACrashTakesEntriesBack: a server that lost its last second comes back, and gives the ids of lost
// entries to others. A group that had acknowledged the lost ones must get the others.
func TestACrashTakesEntriesBack(t *testing.T) {
	t.Parallel()
	srv := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	tr := srv.open(t, func(c *Config) { c.Lease = time.Minute }) // it does not run out
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic", Partitions: 1}))
	stream := tr.keys.stream("topic", 0)
	ch := subscribe(t, tr)
	publish(t, tr, 1)
	next(t, ch).Ack()
	require.Eventually(t, func() bool {
		lag, err := tr.Lag(t.Context(), mq.Reader{Topic: "topic", Group: "g"})
		return err == nil && lag[mq.Reader{Topic: "topic", Group: "g"}] == 0
	}, 10*time.Second, 10*time.Millisecond)
	// The server comes back with a copy of this state.
	kept := t.TempDir()
	require.NoError(t, os.CopyFS(kept, os.DirFS(srv.dir+"/appendonlydir")))
	publish(t, tr, 1)
	held := next(t, ch)
	srv.kill(t)
	require.NoError(t, os.RemoveAll(srv.dir+"/appendonlydir"))
	require.NoError(t, os.CopyFS(srv.dir+"/appendonlydir", os.DirFS(kept)))
	srv.start(t)
	// With a clock that is behind, so that new entries get ids that lost ones had.
	last, err := tr.rdb.XInfoStream(t.Context(), stream).Result()
	require.NoError(t, err)
	ms, n, _ := strings.Cut(last.LastGeneratedID, "-")
	seq, err := strconv.Atoi(n)
	require.NoError(t, err)
	require.NoError(t, tr.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, ID: fmt.Sprintf("%s-%d", ms, seq+1), Values: []string{"payload", "new"}}).Err())
	held.Ack()
	assert.Equal(t, "new", string(next(t, ch).Payload))
}

// TestAFullServer publishes until memory is full. Publishers get errors, consumers go on, and publishers do
// again when consumers have made room.
func TestAFullServer(t *testing.T) {
	t.Parallel()
	srv := startServer(t, "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
	tr := srv.open(t, nil)
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic"}))
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g"})
	require.NoError(t, err)
	_, err = sub.Subscribe(t.Context(), "topic")
	require.NoError(t, err)
	require.NoError(t, sub.Close())

	published := 0
	for ; err == nil; published++ {
		require.Less(t, published, 10_000)
		err = tr.Publisher().Publish("topic", message.NewMessage(fmt.Sprint(published), make([]byte, 2000)))
	}
	require.ErrorContains(t, err, "OOM")
	sub, err = tr.Subscriber(mq.SubscriberConfig{Group: "g"})
	require.NoError(t, err)
	ch, err := sub.Subscribe(t.Context(), "topic")
	require.NoError(t, err)
	for range published - 1 {
		next(t, ch).Ack()
	}
	require.Eventually(t, func() bool {
		return tr.Publisher().Publish("topic", message.NewMessage("room", nil)) == nil
	}, 5*trimEvery, 50*time.Millisecond)
	m := next(t, ch)
	require.Equal(t, "room", m.UUID)
	m.Ack()
}

// TestCloseWithoutServer: the end of a process does not wait for ever.
func TestCloseWithoutServer(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	tr := srv.open(t, nil)
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic"}))
	for _, group := range []string{"g", ""} {
		sub, err := tr.Subscriber(mq.SubscriberConfig{Group: group})
		require.NoError(t, err)
		_, err = sub.Subscribe(t.Context(), "topic")
		require.NoError(t, err)
	}
	srv.signal(t, syscall.SIGSTOP)
	defer srv.signal(t, syscall.SIGCONT)
	require.Error(t, tr.Publisher().Publish("topic", message.NewMessage("1", nil)))
	require.Error(t, tr.Health(t.Context()))
	closed := make(chan error, 1)
	go func() { closed <- tr.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(15 * time.Second):
		require.FailNow(t, "it does not close")
	}
}
