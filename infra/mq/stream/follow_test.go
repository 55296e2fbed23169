package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// gated is a journal whose writes wait while its gate is closed, or fail.
type gated struct {
	*memory
	gate  sync.Mutex
	fails error // read and written with the gate held
}

func (g *gated) fail(err error) {
	g.gate.Lock()
	defer g.gate.Unlock()
	g.fails = err
}

func (g *gated) Append(index uint64, data []byte) error {
	g.gate.Lock()
	defer g.gate.Unlock()
	if g.fails != nil {
		return g.fails
	}
	return g.memory.Append(index, data)
}

func (g *gated) Mend() error {
	g.gate.Lock()
	defer g.gate.Unlock()
	return g.fails
}

// crashed returns what a crash leaves at this moment.
func (g *gated) crashed() *memory {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return &memory{first: g.first, entries: slices.Clone(g.entries), state: slices.Clone(g.state)}
}

func openGated(t *testing.T, cfg Config) (*Stream, *gated) {
	t.Helper()
	g := &gated{memory: &memory{first: 1}}
	cfg.RetainBytes, cfg.TruncateEvery, cfg.FlushEvery, cfg.JoinWithin = 1, time.Hour, time.Hour, time.Nanosecond
	s, err := Open(cfg, g, g, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "cause"}, mq.Topic{Name: "effect", Patient: true}, mq.Topic{Name: "own", Tail: true}))
	return s, g
}

// take returns the next message of the cause, for a group.
func take(t *testing.T, s *Stream) *message.Message {
	t.Helper()
	require.NoError(t, s.Publisher().Publish("cause", message.NewMessage("cause", nil)))
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "cause")
	require.NoError(t, err)
	return <-in
}

// followed publishes what follows from a message and acknowledges it.
func followed(t *testing.T, s *Stream, m *message.Message, by ...mq.Outbound) {
	t.Helper()
	require.NoError(t, follow(t, s, by...), "it does not wait")
	m.Ack()
	require.Eventually(t, func() bool { return s.Lag()["cause"]["g"] == 0 }, time.Minute, time.Millisecond)
}

func follow(t *testing.T, s *Stream, by ...mq.Outbound) error {
	t.Helper()
	out, err := mq.FollowUp(s, "id")
	require.NoError(t, err)
	return out.Publish(t.Context(), by...)
}

func effect(id string) mq.Outbound {
	return mq.Outbound{Topic: "effect", Message: message.NewMessage(id, nil)}
}

// after opens what a crash has left, and returns what a group still gets of the causes, and all effects.
func after(t *testing.T, left *memory) (causes, effects []string) {
	t.Helper()
	s, err := Open(Config{}, left, left, zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "cause"}, mq.Topic{Name: "effect"}))
	all := func(topic, group string) (ids []string) {
		require.NoError(t, s.Publisher().Publish(topic, message.NewMessage("end", nil)))
		sub, err := s.Subscriber(mq.SubscriberConfig{Group: group, Lanes: 1})
		require.NoError(t, err)
		in, err := sub.Subscribe(context.WithoutCancel(t.Context()), topic)
		require.NoError(t, err)
		for m := range in {
			m.Ack()
			if m.UUID == "end" {
				return ids
			}
			ids = append(ids, m.UUID)
		}
		return ids
	}
	return all("cause", "g"), all("effect", "")
}

// TestACrashTakesAcknowledgementsWithFollowUps: a follow-up does not wait for the disk, and the message that
// it follows from counts as acknowledged only once the follow-up is durable.
func TestACrashTakesAcknowledgementsWithFollowUps(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Nanosecond})
	m := take(t, s)
	g.gate.Lock()
	followed(t, s, m, effect("follows"))
	saved := make(chan error, 1)
	go func() { saved <- s.catalog.flush() }()
	select {
	case <-saved:
		t.Fatal("an offset is saved before what followed from it is durable")
	case <-time.After(20 * time.Millisecond): // in which it would have been saved, by all that is likely
	}
	require.NoError(t, s.truncate())
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"cause"}, causes, "it comes again")
	assert.Empty(t, effects)

	g.gate.Unlock()
	require.NoError(t, <-saved)
	causes, effects = after(t, g.crashed())
	assert.Empty(t, causes)
	assert.Equal(t, []string{"follows"}, effects)
	require.NoError(t, s.Close())
}

// TestFollowUpsWaitForRoom: follow-ups for which the disk had no room are written when there is some, since
// nobody publishes them again; until then no offset is saved, and nothing more is taken.
func TestFollowUpsWaitForRoom(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Hour})
	followed(t, s, take(t, s), effect("one"), effect("two"))
	g.fail(ErrNoRoom)
	require.Error(t, s.catalog.flush())
	require.ErrorIs(t, follow(t, s, effect("three")), ErrNoRoom)
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"cause"}, causes)
	assert.Empty(t, effects)

	g.fail(nil)
	require.Eventually(t, func() bool { return s.Health(t.Context()) == nil }, time.Minute, time.Millisecond)
	require.NoError(t, s.catalog.flush())
	causes, effects = after(t, g.crashed())
	assert.Empty(t, causes)
	assert.Equal(t, []string{"one", "two"}, effects)
	require.NoError(t, s.Close())
}

// TestFollowUpsOfABrokenLog: after another failure nothing is written any more. Offsets stay as they were, so
// that a restart delivers again. Publishers that wait for room, and Close, get the error.
func TestFollowUpsOfABrokenLog(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Hour})
	m, broken := take(t, s), errors.New("the disk is broken")
	g.gate.Lock()
	large := effect("large")
	large.Message.Payload = make([]byte, mq.MaxRecordBytes-1000)
	for range waitingBytes / mq.MaxRecordBytes { // nearly all the room that there is
		require.NoError(t, follow(t, s, large))
	}
	followed(t, s, m, effect("follows"))
	waiting := make(chan error, 1)
	go func() {
		waiting <- s.Publisher().Publish("cause", message.NewMessage("waits", make([]byte, mq.MaxRecordBytes/2)))
	}()
	time.Sleep(20 * time.Millisecond) // until it waits, by all that is likely; else it is refused at once
	g.fails = broken
	g.gate.Unlock()
	require.ErrorIs(t, s.catalog.flush(), broken)
	require.ErrorIs(t, <-waiting, broken)
	require.ErrorIs(t, follow(t, s, effect("more")), broken)
	require.ErrorIs(t, s.Close(), broken)
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"cause"}, causes)
	assert.Empty(t, effects)
}

// TestWhatComesAgainIsNotDropped: entries stay until the offsets that acknowledge them are saved.
func TestWhatComesAgainIsNotDropped(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Nanosecond})
	const many = 5 // large ones, since entries are dropped by megabytes
	put(t, s, "cause", many)
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "cause")
	require.NoError(t, err)
	g.gate.Lock()
	require.NoError(t, follow(t, s, effect("follows")))
	for range many {
		m := <-in
		m.Ack()
	}
	require.Eventually(t, func() bool { return s.Lag()["cause"]["g"] == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, s.truncate())
	assert.EqualValues(t, 1, g.crashed().first, "nothing is saved yet")
	g.gate.Unlock()
	require.NoError(t, s.catalog.flush())
	require.NoError(t, s.truncate())
	assert.Greater(t, g.crashed().first, uint64(1))
	require.NoError(t, s.Close())
}

// TestADumpHasWhatFollowed: a dump has the follow-ups of the acknowledged messages that it leaves out.
func TestADumpHasWhatFollowed(t *testing.T) {
	t.Parallel()
	s, _ := openGated(t, Config{Patience: time.Hour})
	followed(t, s, take(t, s), effect("follows"))
	var dump strings.Builder
	require.NoError(t, s.Dump(t.Context(), &dump, nil))
	assert.Contains(t, dump.String(), `"uuid":"follows"`)
	assert.NotContains(t, dump.String(), `"uuid":"cause"`)
	require.NoError(t, s.Close())
}

// TestPatientFollowUpsShareAnEntry: patient follow-ups are written together with a call that is not patient,
// or at the end.
func TestPatientFollowUpsShareAnEntry(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(t *testing.T, s *Stream){
		"with what comes": func(t *testing.T, s *Stream) {
			t.Helper()
			require.NoError(t, s.Publisher().Publish("cause", message.NewMessage("next", nil)))
		},
		"with what is impatient": func(t *testing.T, s *Stream) {
			t.Helper()
			require.NoError(t, follow(t, s, effect("last"), mq.Outbound{Topic: "cause", Message: message.NewMessage("next", nil)}))
			require.NoError(t, s.settled())
		},
		"when offsets are saved": func(t *testing.T, s *Stream) { t.Helper(); require.NoError(t, s.catalog.flush()) },
		"at the end":             func(t *testing.T, s *Stream) { t.Helper(); require.NoError(t, s.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, g := openGated(t, Config{Patience: time.Hour})
			followed(t, s, take(t, s), effect("one"))
			before := len(g.crashed().entries)
			then(t, s)
			left := g.crashed()
			assert.Len(t, left.entries, before+1)
			_, effects := after(t, left)
			assert.Contains(t, effects, "one")
			require.NoError(t, s.Close())
		})
	}
}

// TestWhatOneProcessReadsIsNotKept: records of a tail topic are handed over in order, however slow the disk
// is, and a later reader does not get them.
func TestWhatOneProcessReadsIsNotKept(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Hour})
	out, err := s.Outbox("id")
	require.NoError(t, err)
	own := func(id string) mq.Outbound { return mq.Outbound{Topic: "own", Message: message.NewMessage(id, nil)} }
	require.NoError(t, out.Publish(t.Context(), own("nobody reads yet")))
	sub, err := s.Subscriber(mq.SubscriberConfig{Lanes: 1, Window: 2, DrainTimeout: time.Millisecond})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "own")
	require.NoError(t, err)

	g.gate.Lock()
	published := make(chan error, 1)
	go func() { published <- out.Publish(t.Context(), own("1"), effect("kept"), own("2")) }()
	for _, want := range []string{"1", "2"} {
		m := <-in
		assert.Equal(t, want, m.UUID)
		m.Ack()
	}
	g.gate.Unlock()
	require.NoError(t, <-published)
	assert.Len(t, g.crashed().entries, 1, "only what others read")

	// A reader that does not take a record holds up its publisher.
	require.NoError(t, out.Publish(t.Context(), own("3"), own("4")))
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, out.Publish(short, own("5")), context.DeadlineExceeded)
	require.NoError(t, sub.Close())
	require.NoError(t, out.Publish(t.Context(), own("6")), "nobody reads any more")

	group, err := s.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1})
	require.NoError(t, err)
	_, err = group.Subscribe(t.Context(), "own")
	require.ErrorContains(t, err, "one process")
	require.NoError(t, s.Close())
	require.ErrorIs(t, out.Publish(t.Context(), own("7")), mq.ErrClosed)
}

// TestManyPublishersOneReader: each publisher's records come in its order.
func TestManyPublishersOneReader(t *testing.T) {
	t.Parallel()
	s, _ := openGated(t, Config{})
	sub, err := s.Subscriber(mq.SubscriberConfig{Lanes: 1, Run: 16, Window: 64})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "own")
	require.NoError(t, err)
	const publishers, each = 8, 200
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for n := range each {
				m := message.NewMessage(fmt.Sprintf("%d/%d", p, n), nil)
				m.Metadata[mq.KeyMetadata] = "own"
				assert.NoError(t, s.Publisher().Publish("own", m))
			}
		})
	}
	next := map[int]int{}
	for got := 0; got < publishers*each; {
		m := <-in
		for _, one := range mq.Run(m) {
			var p, n int
			_, err := fmt.Sscanf(one.UUID, "%d/%d", &p, &n)
			require.NoError(t, err)
			require.Equal(t, next[p], n, "publisher %d", p)
			next[p]++
			got++
		}
		m.Ack()
	}
	publishing.Wait()
	require.NoError(t, s.Close())
}
