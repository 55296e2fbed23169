package stream

import (
	"bytes"
	"fmt"
	"regexp"
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

// memory is a journal and a ledger that outlive the stream over them.
type memory struct {
	mu      sync.RWMutex
	first   uint64
	entries [][]byte
	state   []byte
}

func (m *memory) Append(_ uint64, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, slices.Clone(data))
	return nil
}

func (m *memory) Read(index uint64) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.entries[index-m.first], nil
}

func (m *memory) Bounds() (first, last uint64, err error) {
	return m.first, m.first + uint64(len(m.entries)) - 1, nil
}

func (m *memory) Truncate(before uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.first = m.entries[before-m.first:], before
	return nil
}

func (m *memory) Load() ([]byte, error)   { return m.state, nil }
func (m *memory) Save(state []byte) error { m.state = state; return nil }
func (*memory) Close() error              { return nil }

// over opens a stream that drops what it may only when the test says so.
func over(t *testing.T, m *memory, patience time.Duration) *Stream {
	t.Helper()
	s, err := Open(Config{RetainBytes: 1, TruncateEvery: time.Hour, JoinWithin: patience}, m, m, zap.NewNop())
	require.NoError(t, err)
	return s
}

// put publishes so many messages of a megabyte, each in an entry of its own.
func put(t *testing.T, s *Stream, topic string, n int) {
	t.Helper()
	for i := range n {
		require.NoError(t, s.Publisher().Publish(topic, message.NewMessage(fmt.Sprint(i), make([]byte, mq.MaxRecordBytes-100))))
	}
}

// join subscribes and receives nothing.
func join(t *testing.T, s *Stream, group, topic string) {
	t.Helper()
	sub, err := s.Subscriber(mq.SubscriberConfig{Group: group, DrainTimeout: time.Millisecond})
	require.NoError(t, err)
	_, err = sub.Subscribe(t.Context(), topic)
	require.NoError(t, err)
}

// TestNothingIsDroppedBeforeGroupsJoin: a group gets everything that its topic had at the start, however long
// the start takes; a topic that no group joins does not hold the log for ever.
func TestNothingIsDroppedBeforeGroupsJoin(t *testing.T) {
	t.Parallel()
	const many = 5
	for name, c := range map[string]struct {
		patience time.Duration
		reads    func(t *testing.T, s *Stream)
		dropped  bool
	}{
		"nobody reads yet":             {time.Nanosecond, func(*testing.T, *Stream) {}, false},
		"another group comes first":    {time.Hour, func(t *testing.T, s *Stream) { t.Helper(); join(t, s, "g", "other") }, false},
		"a reader of its own is first": {time.Hour, func(t *testing.T, s *Stream) { t.Helper(); join(t, s, "", "own") }, false},
		"its group has joined":         {time.Nanosecond, func(t *testing.T, s *Stream) { t.Helper(); join(t, s, "g", "topic") }, false},
		"its group does not come":      {time.Nanosecond, func(t *testing.T, s *Stream) { t.Helper(); join(t, s, "g", "other") }, true},
		"it is gone, all others have joined": {time.Hour, func(t *testing.T, s *Stream) {
			t.Helper()
			require.NoError(t, s.Delete(t.Context(), "topic"))
			join(t, s, "g", "other")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{first: 1}
			s := over(t, m, c.patience)
			require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "topic"}, mq.Topic{Name: "other"}, mq.Topic{Name: "own", Tail: true}))
			put(t, s, "topic", many)
			require.NoError(t, s.truncate())
			require.NoError(t, s.Close())
			s = over(t, m, c.patience)
			require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "own", Tail: true}))
			c.reads(t, s)
			if s.Lag()["topic"] == nil { // others are soon past what is not theirs
				require.Eventually(t, func() bool { return s.catalog.needed(s.ring.end()) >= many }, time.Minute, time.Millisecond)
			}
			require.NoError(t, s.truncate())
			assert.Equal(t, c.dropped, len(m.entries) < many, "%d of %d entries are there", len(m.entries), many)
			require.NoError(t, s.Close())
		})
	}
}

// TestALoadKeepsWhatItLoads: loaded messages stay for the dump's groups, and those of an older dump, which
// names no groups, stay until somebody reads.
func TestALoadKeepsWhatItLoads(t *testing.T) {
	t.Parallel()
	const many = 9 // several batches
	first := over(t, &memory{first: 1}, time.Hour)
	require.NoError(t, first.Ensure(t.Context(), mq.Topic{Name: "a"}, mq.Topic{Name: "b"}))
	join(t, first, "slow", "a")
	join(t, first, "fast", "a")
	join(t, first, "only", "b")
	put(t, first, "a", many)
	put(t, first, "b", 1)
	first.catalog.mark("a", "fast", offsetOf(many, maxRecords-1))
	var dump bytes.Buffer
	require.NoError(t, first.Dump(t.Context(), &dump, nil))
	require.NoError(t, first.Close())
	old := regexp.MustCompile(`"groups":\[.*?\],`).ReplaceAllString(dump.String(), "")
	require.Less(t, len(old), dump.Len())

	for name, c := range map[string]struct {
		dump   string
		groups map[string]map[string]uint64
	}{
		"of now":          {dump.String(), map[string]map[string]uint64{"a": {"fast": maxRecords - 1, "slow": maxRecords - 1}, "b": {"only": maxRecords - 1}}},
		"of an older one": {old, map[string]map[string]uint64{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{first: 1}
			s := over(t, m, time.Nanosecond)
			require.NoError(t, s.Load(t.Context(), &between{r: strings.NewReader(c.dump), do: func() { assert.NoError(t, s.truncate()) }}))
			require.NoError(t, s.truncate())
			assert.EqualValues(t, 1, m.first)
			assert.Equal(t, c.groups, s.catalog.state.Offsets)

			var again bytes.Buffer
			require.NoError(t, s.Dump(t.Context(), &again, nil))
			assert.True(t, c.dump == again.String(), "before anybody has read it, it is what was loaded")
			require.NoError(t, s.Close())
		})
	}
}

// between does something before each read.
type between struct {
	r  *strings.Reader
	do func()
}

func (b *between) Read(p []byte) (int, error) { b.do(); return b.r.Read(p) }
