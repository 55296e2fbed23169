package walog_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/stream"
	"github.com/gochat/gochat/infra/mq/walog"
)

func publish(t *testing.T, s *stream.Stream, topic string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		m := message.NewMessage(fmt.Sprint(topic, i), []byte{0, 255, byte(i)})
		m.Metadata[mq.KeyMetadata] = "one"
		require.NoError(t, s.Publisher().Publish(topic, m))
	}
}

// consume reads a topic for a group, acknowledges the first acked, and returns the ids of wanted.
func consume(t *testing.T, s *stream.Stream, topic, group string, acked, wanted int) (ids []string) {
	t.Helper()
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: group, DrainTimeout: time.Millisecond})
	require.NoError(t, err)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	messages, err := sub.Subscribe(ctx, topic)
	require.NoError(t, err)
	for len(ids) < wanted {
		m, open := <-messages
		require.True(t, open, "%d of %d came", len(ids), wanted)
		if ids = append(ids, m.UUID); len(ids) <= acked {
			m.Ack()
		}
	}
	require.NoError(t, sub.Close())
	return ids
}

// TestDumpHasWhatNobodyHandled: a dump brings back, in order, what some group of a topic has not
// acknowledged, and neither what all groups have nor topics that are left out.
func TestDumpHasWhatNobodyHandled(t *testing.T) {
	t.Parallel()
	s, other := openLog(t, t.TempDir()), openLog(t, t.TempDir())
	require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "a"}, mq.Topic{Name: "b"}, mq.Topic{Name: "nobodys"}))
	publish(t, s, "nobodys", 0, 3)
	publish(t, s, "a", 0, 3)
	publish(t, s, "b", 0, 2)
	publish(t, s, "a", 3, 5)
	consume(t, s, "a", "fast", 5, 5)
	consume(t, s, "a", "slow", 2, 3)
	consume(t, s, "b", "fast", 2, 2)

	var dump bytes.Buffer
	require.NoError(t, s.Dump(t.Context(), &dump, func(topic string) bool { return topic != "b" }))
	assert.NotContains(t, dump.String(), "nobodys")
	require.NoError(t, other.Load(t.Context(), bytes.NewReader(dump.Bytes())))
	assert.Equal(t, []string{"a"}, other.Topics())
	for _, group := range []string{"slow", "fast", "late"} {
		assert.Equal(t, []string{"a2", "a3", "a4"}, consume(t, other, "a", group, 3, 3))
	}
	var empty bytes.Buffer
	require.NoError(t, other.Dump(t.Context(), &empty, nil))
	assert.Equal(t, "{\"end\":0}\n", empty.String())

	lines := strings.SplitAfter(dump.String(), "\n")
	for name, text := range map[string]string{
		"no end": strings.Join(lines[:len(lines)-2], ""), "one is missing": strings.Join(lines[1:], ""),
		"cut off": dump.String()[:dump.Len()/2], "nothing": "", "nonsense": "x",
	} {
		third := openLog(t, t.TempDir())
		require.ErrorIs(t, third.Load(t.Context(), strings.NewReader(text)), stream.ErrNoDump, name)
		require.NoError(t, third.Close())
	}
	require.NoError(t, s.Close())
	require.NoError(t, other.Close())
}

// slowly acknowledges everything while a dump is written, and lets the log drop it.
type slowly struct {
	bytes.Buffer
	first func()
}

func (s *slowly) Write(p []byte) (int, error) {
	if s.first != nil {
		s.first()
		s.first = nil
	}
	return s.Buffer.Write(p)
}

// TestDumpHoldsWhatItHasNotRead: entries that are acknowledged during a dump stay until the dump has read
// them.
func TestDumpHoldsWhatItHasNotRead(t *testing.T) {
	t.Parallel()
	const many = 300
	s, err := walog.Open(walog.Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, Stream: stream.Config{
		RingBytes: 1, RetainBytes: 1, FlushEvery: time.Millisecond, TruncateEvery: time.Millisecond,
	}}, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "a"}))
	payload := bytes.Repeat([]byte("x"), 2000)
	consume(t, s, "a", "group", 0, 0)
	for i := range many {
		require.NoError(t, s.Publisher().Publish("a", message.NewMessage(fmt.Sprint("a", i), payload)))
	}
	dump := slowly{first: func() {
		consume(t, s, "a", "group", many, many)
		publish(t, s, "a", 0, 50) // and time passes for what drops entries
		consume(t, s, "a", "group", 50, 50)
	}}
	require.NoError(t, s.Dump(t.Context(), &dump, nil))
	assert.Contains(t, dump.String(), fmt.Sprintf("{\"end\":%d}", many))
	require.NoError(t, s.Close())
}

// endless is a line that does not end.
type endless struct{ began bool }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	if !e.began {
		e.began = true
		return copy(p, `{"topic":"`), nil
	}
	return len(p), nil
}

// TestALineWithoutAnEnd: an endless line is refused before it takes all of the memory.
func TestALineWithoutAnEnd(t *testing.T) {
	t.Parallel()
	s := openLog(t, t.TempDir())
	require.ErrorIs(t, s.Load(t.Context(), &endless{}), stream.ErrNoDump)
	require.NoError(t, s.Close())
}
