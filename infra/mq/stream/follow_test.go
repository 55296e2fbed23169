package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// gated is a journal whose writes wait while its gate is closed, or find no room.
type gated struct {
	*memory
	gate sync.Mutex
	full bool // read and written with the gate held
}

func (g *gated) Append(index uint64, data []byte) error {
	g.gate.Lock()
	defer g.gate.Unlock()
	if g.full {
		return ErrNoRoom
	}
	return g.memory.Append(index, data)
}

func (g *gated) Mend() error {
	g.gate.Lock()
	defer g.gate.Unlock()
	if g.full {
		return ErrNoRoom
	}
	return nil
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

// caused takes one message of the cause and publishes what follows from it, then acknowledges it.
func caused(t *testing.T, s *Stream, follows ...mq.Outbound) {
	t.Helper()
	require.NoError(t, s.Publisher().Publish("cause", message.NewMessage("cause", nil)))
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "cause")
	require.NoError(t, err)
	m := <-in
	out, err := mq.FollowUp(s, "id")
	require.NoError(t, err)
	require.NoError(t, out.Publish(t.Context(), follows...))
	m.Ack()
	require.Eventually(t, func() bool {
		s.catalog.mu.RLock()
		defer s.catalog.mu.RUnlock()
		return indexOf(s.catalog.state.Offsets["cause"]["g"]) > 0
	}, time.Minute, time.Millisecond)
}

func effect(id string) mq.Outbound {
	return mq.Outbound{Topic: "effect", Message: message.NewMessage(id, nil)}
}

// after opens what a crash has left and returns what a group still gets of the cause, and all effects.
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

// TestACrashTakesAcknowledgementsWithFollowUps: what follows from a message does not wait for the disk,
// and the message counts as acknowledged only once that is durable.
func TestACrashTakesAcknowledgementsWithFollowUps(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Nanosecond})
	// Between the publish of the cause and what follows nobody else writes.
	closed := sync.OnceFunc(func() { g.gate.Lock() })
	require.NoError(t, s.Publisher().Publish("cause", message.NewMessage("earlier", nil)))
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 1})
	require.NoError(t, err)
	in, err := sub.Subscribe(context.WithoutCancel(t.Context()), "cause")
	require.NoError(t, err)
	m := <-in
	closed()
	out, err := s.FollowUp("id")
	require.NoError(t, err)
	require.NoError(t, out.Publish(t.Context(), effect("follows")), "it does not wait")
	m.Ack()
	require.Eventually(t, func() bool { return s.Lag()["cause"]["g"] == 0 }, time.Minute, time.Millisecond)
	saved := make(chan error, 1)
	go func() { saved <- s.catalog.flush() }()
	select {
	case <-saved:
		t.Fatal("an offset is saved before what followed from it is durable")
	case <-time.After(20 * time.Millisecond): // it could go wrong meanwhile; if not, it is not seen
	}
	require.NoError(t, s.truncate())
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"earlier"}, causes, "it comes again")
	assert.Empty(t, effects)

	g.gate.Unlock()
	require.NoError(t, <-saved)
	causes, effects = after(t, g.crashed())
	assert.Empty(t, causes)
	assert.Equal(t, []string{"follows"}, effects)
	require.NoError(t, s.Close())
}

// TestFollowUpsWaitForRoom: what the disk had no room for is written when there is some, since nobody
// publishes it again; meanwhile no offset is saved, and no more is taken.
func TestFollowUpsWaitForRoom(t *testing.T) {
	t.Parallel()
	s, g := openGated(t, Config{Patience: time.Hour})
	caused(t, s, effect("one"), effect("two"))
	g.gate.Lock()
	g.full = true
	g.gate.Unlock()
	require.Error(t, s.catalog.flush())
	out, err := s.FollowUp("id")
	require.NoError(t, err)
	require.ErrorIs(t, out.Publish(t.Context(), effect("three")), ErrNoRoom)
	causes, effects := after(t, g.crashed())
	assert.Equal(t, []string{"cause"}, causes)
	assert.Empty(t, effects)

	g.gate.Lock()
	g.full = false
	g.gate.Unlock()
	require.Eventually(t, func() bool { return s.Health(t.Context()) == nil }, time.Minute, time.Millisecond)
	require.NoError(t, s.catalog.flush())
	causes, effects = after(t, g.crashed())
	assert.Empty(t, causes)
	assert.Equal(t, []string{"one", "two"}, effects)
	require.NoError(t, s.Close())
}

// TestPatientFollowUpsShareAnEntry: what may wait is written with what cannot, or at the end.
func TestPatientFollowUpsShareAnEntry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then  func(t *testing.T, s *Stream)
		wrote int
	}{
		"with what comes": {func(t *testing.T, s *Stream) {
			t.Helper()
			require.NoError(t, s.Publisher().Publish("cause", message.NewMessage("next", nil)))
		}, 1},
		"with what is impatient": {func(t *testing.T, s *Stream) {
			t.Helper()
			out, err := s.FollowUp("id")
			require.NoError(t, err)
			require.NoError(t, out.Publish(t.Context(), effect("last"), mq.Outbound{Topic: "cause", Message: message.NewMessage("next", nil)}))
			require.NoError(t, s.settled())
		}, 1},
		"when offsets are saved": {func(t *testing.T, s *Stream) { t.Helper(); require.NoError(t, s.catalog.flush()) }, 1},
		"at the end":             {func(t *testing.T, s *Stream) { t.Helper(); require.NoError(t, s.Close()) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, g := openGated(t, Config{Patience: time.Hour})
			caused(t, s, effect("one"))
			before := len(g.crashed().entries)
			c.then(t, s)
			left := g.crashed()
			assert.Len(t, left.entries, before+c.wrote)
			_, effects := after(t, left)
			assert.Contains(t, effects, "one")
			require.NoError(t, s.Close())
		})
	}
}

// TestWhatOneProcessReadsIsNotKept: it is handed over in order, while the disk takes its time, and
// nobody who comes later sees it.
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

	// Who does not take it holds up who publishes it.
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
