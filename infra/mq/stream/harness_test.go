package stream

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
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
