package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

// reader checks the messages that a subscription brings of each writer: name.1, name.2, …
type reader struct {
	name string
	mu   sync.Mutex
	at   map[string]int64 // where each writer's messages are
	most map[string]int64
}

func follow(t *testing.T, name string, chs ...<-chan *message.Message) *reader {
	t.Helper()
	r := &reader{name: name, at: map[string]int64{}, most: map[string]int64{}}
	for _, ch := range chs {
		go func() {
			for m := range ch {
				r.see(t, m.UUID)
				m.Ack()
			}
		}()
	}
	return r
}

// see notes a message: the next of its writer, or one that was seen before.
func (r *reader) see(t *testing.T, id string) {
	writer, number, _ := strings.Cut(id, ".")
	n, err := strconv.ParseInt(number, 10, 64)
	if !assert.NoError(t, err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.at[writer]+1 {
		t.Errorf("%s got %s after %d", r.name, id, r.at[writer])
	}
	r.at[writer] = n
	r.most[writer] = max(r.most[writer], n)
}

func (r *reader) saw(writer string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most[writer]
}

// caughtUp waits until readers have what is confirmed by now.
func caughtUp(t *testing.T, when string, readers []*reader, writers []*writer) {
	t.Helper()
	goals := make([]int64, len(writers))
	for i, w := range writers {
		goals[i] = w.confirmed.Load() + 5
	}
	for _, r := range readers {
		for i, w := range writers {
			assert.Eventually(t, func() bool { return r.saw(w.name) >= goals[i] }, 45*time.Second, 10*time.Millisecond,
				"%s: %s is at %d of %s, which is at %d", when, r.name, r.saw(w.name), w.name, w.confirmed.Load())
			if t.Failed() {
				if err := w.failed.Load(); err != nil {
					t.Logf("%s was told last: %v", w.name, *err)
				}
				t.FailNow()
			}
		}
	}
}

// TestReadersOverOutages kills the broker and stops it for a while under load. Members
// of a group and a reader without one go on by themselves, and miss nothing.
func TestReadersOverOutages(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	cfg := k.config()
	cfg.SessionTimeout = 6 * time.Second
	r := newRig(t, cfg)
	topic := r.prefix + "topic"
	require.NoError(t, r.Ensure(t.Context(), mq.Topic{Name: topic, Partitions: 6}))
	var members []<-chan *message.Message
	for range 2 {
		members = append(members, read(t, join(t, cfg), topic, mq.SubscriberConfig{Group: r.prefix + "g", Lanes: 8}))
	}
	readers := []*reader{
		follow(t, "the group", members...),
		follow(t, "the tail", read(t, r, topic, mq.SubscriberConfig{Start: mq.StartNewest, Lanes: 8})),
	}
	out := r.outbox(t, "out")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var writers []*writer
	for i := range 6 {
		w := &writer{name: fmt.Sprint("plain", i), topic: topic, publish: func(_ context.Context, o mq.Outbound) error {
			return r.Publisher().Publish(o.Topic, o.Message)
		}}
		if i%2 == 0 {
			w.name, w.publish = fmt.Sprint("whole", i), func(ctx context.Context, o mq.Outbound) error { return out.Publish(ctx, o) }
		}
		writers = append(writers, w)
		running.Go(func() { w.keyed(ctx) })
	}
	defer running.Wait()
	defer stop()
	caughtUp(t, "before anything happened", readers, writers)
	for _, away := range []time.Duration{0, 8 * time.Second} {
		k.do(t, "kill", "kafka")
		time.Sleep(away) // longer than the session, too
		k.do(t, "start", "kafka")
		caughtUp(t, fmt.Sprintf("killed, and away for %v", away), readers, writers)
	}
	k.do(t, "pause", "kafka")
	time.Sleep(5 * time.Second)
	k.do(t, "resume", "kafka")
	caughtUp(t, "stopped for 5 s", readers, writers)
	stop()
	running.Wait()
	for _, r := range readers {
		for _, w := range writers {
			require.Eventually(t, func() bool { return r.saw(w.name) >= w.confirmed.Load() }, 30*time.Second, 10*time.Millisecond,
				"%s misses what was confirmed to %s", r.name, w.name)
		}
	}
}

// keyed publishes 1, 2, 3 … with its name as the key, each until it is confirmed.
func (w *writer) keyed(ctx context.Context) {
	for n := 1; ctx.Err() == nil; {
		one := to(w.topic, fmt.Sprintf("%s.%d", w.name, n))
		one.Message.Metadata[mq.KeyMetadata] = w.name
		if err := w.publish(ctx, one); err == nil {
			w.confirmed.Store(int64(n))
			n++
			time.Sleep(2 * time.Millisecond) // readers are not to be behind
		} else {
			w.failed.Store(&err)
			time.Sleep(20 * time.Millisecond) // as a router's retry does
		}
	}
}

// TestSubscribersCloseWithoutBroker: the end of a process does not wait for ever.
func TestSubscribersCloseWithoutBroker(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	for _, how := range []string{"kill", "pause"} {
		cfg := k.config()
		cfg.Timeout = 2 * time.Second
		tr, err := kafka.Open(t.Context(), cfg, quiet(t))
		require.NoError(t, err)
		require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic", Partitions: 1}))
		chs := []<-chan *message.Message{
			read(t, tr, "topic", mq.SubscriberConfig{Group: how, DrainTimeout: time.Second}),
			read(t, tr, "topic", mq.SubscriberConfig{Start: mq.StartNewest, DrainTimeout: time.Second}),
		}
		require.NoError(t, tr.Publisher().Publish("topic", to("topic", how).Message))
		for _, ch := range chs {
			next(t, ch)
		}
		k.do(t, how, "kafka")
		began, closed := time.Now(), make(chan error, 1)
		go func() { closed <- tr.Close() }()
		select {
		case err := <-closed:
			t.Logf("after a %s it closed in %v: %v", how, time.Since(began), err)
			require.False(t, errors.Is(err, mq.ErrClosed))
		case <-time.After(20 * time.Second):
			require.FailNow(t, "it does not close", how)
		}
		for _, ch := range chs {
			_, more := <-ch
			require.False(t, more)
		}
		k.do(t, map[string]string{"kill": "start", "pause": "resume"}[how], "kafka")
	}
}

// TestAMemberThatHearsNothingStops: the member cannot know whether its partitions are still its own, so it
// starts no record that it had taken until a broker answers.
func TestAMemberThatHearsNothingStops(t *testing.T) {
	t.Parallel()
	k := startKafka(t)
	cfg := k.config()
	cfg.SessionTimeout = 6 * time.Second
	tr, err := kafka.Open(t.Context(), cfg, quiet(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, tr.Close()) }()
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic", Partitions: 1}))
	const many = 1200
	for n := range many {
		require.NoError(t, tr.Publisher().Publish("topic", keyedTo("k", fmt.Sprint(n))))
	}
	var begun atomic.Int64
	ch := read(t, tr, "topic", mq.SubscriberConfig{Group: "g"})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for m := range ch {
			begun.Add(1)
			time.Sleep(10 * time.Millisecond)
			m.Ack()
			if m.UUID == fmt.Sprint(many-1) {
				return
			}
		}
	}()
	require.Eventually(t, func() bool { return begun.Load() > 50 }, 30*time.Second, time.Millisecond)
	k.do(t, "pause", "kafka")
	time.Sleep(cfg.SessionTimeout)
	at := begun.Load()
	require.Less(t, at, int64(many-100), "it had more to do")
	require.Never(t, func() bool { return begun.Load() > at }, 2*time.Second, 10*time.Millisecond, "it goes on with what may be another one's")
	k.do(t, "resume", "kafka")
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		require.FailNow(t, "it does not go on", "after %d", begun.Load())
	}
}
