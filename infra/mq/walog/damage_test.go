package walog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

func segments(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	slices.Sort(files)
	return files
}

func fill(t *testing.T, tr mq.Transport, from, to int) {
	t.Helper()
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic"}))
	for n := from; n <= to; n++ {
		require.NoError(t, tr.Publisher().Publish("topic", message.NewMessage(fmt.Sprint(n), make([]byte, 4000))))
	}
}

// readAll returns the ids that a new group gets, up to and with the last one.
func readAll(t *testing.T, tr mq.Transport, last string) []string {
	t.Helper()
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "reader", Lanes: 1})
	require.NoError(t, err)
	ch, err := sub.Subscribe(context.WithoutCancel(t.Context()), "topic")
	require.NoError(t, err)
	var ids []string
	for {
		select {
		case m := <-ch:
			ids = append(ids, m.UUID)
			m.Ack()
			if m.UUID == last {
				return ids
			}
		case <-time.After(10 * time.Second):
			require.FailNow(t, "not delivered", "%s after %v", last, ids)
		}
	}
}

// A write that a loss of power cut off was not confirmed: it is dropped, and everything before it stays.
func TestTornTailIsDropped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr := openLog(t, dir)
	fill(t, tr, 1, 20)
	require.NoError(t, tr.Close())
	files := segments(t, dir)
	tail, err := os.ReadFile(files[len(files)-1])
	require.NoError(t, err)
	end := len(tail)
	for end > 0 && tail[end-1] == 0 {
		end--
	}
	clear(tail[end-1000 : end]) // the end of the last entry never reached the disk
	require.NoError(t, os.WriteFile(files[len(files)-1], tail, 0o600))

	tr = openLog(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	fill(t, tr, 21, 22)
	ids := readAll(t, tr, "22")
	assert.Equal(t, "1", ids[0])
	assert.Equal(t, []string{"19", "21", "22"}, ids[len(ids)-3:])
}

// Bits that went bad in a confirmed entry are an error: the entry is not skipped.
func TestDamageInTheMiddleIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr := openLog(t, dir)
	fill(t, tr, 1, 600) // two segments and more
	require.NoError(t, tr.Close())
	files := segments(t, dir)
	require.Greater(t, len(files), 2)
	data, err := os.ReadFile(files[0])
	require.NoError(t, err)
	data[len(data)/2] ^= 0xff
	require.NoError(t, os.WriteFile(files[0], data, 0o600))

	tr = openLog(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "reader", Lanes: 1})
	require.NoError(t, err)
	ch, err := sub.Subscribe(context.WithoutCancel(t.Context()), "topic")
	require.NoError(t, err)
	n := 0
	for quiet := false; !quiet; {
		select {
		case m := <-ch:
			n++
			m.Ack()
		case <-time.After(300 * time.Millisecond):
			quiet = tr.Health(t.Context()) != nil // else the machine has had no time yet
		}
	}
	assert.Positive(t, n)
	assert.Less(t, n, 600, "it stands still at the damage")
	require.ErrorIs(t, tr.Health(t.Context()), walog.ErrDamaged)
}

func TestDamagedMetaIsReportedAndNothingChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr := openLog(t, dir)
	fill(t, tr, 1, 3)
	require.NoError(t, tr.Close())
	meta := filepath.Join(dir, "wal-meta.db")
	require.NoError(t, os.WriteFile(meta, []byte("this is not a database"), 0o600))
	_, err := walog.Open(walog.Config{Dir: dir}, zap.NewNop())
	require.ErrorIs(t, err, walog.ErrDamaged)
	require.ErrorContains(t, err, dir)
	left, err := os.ReadFile(meta)
	require.NoError(t, err)
	assert.Equal(t, "this is not a database", string(left))
}

func TestOneProcessOwnsTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr := openLog(t, dir)
	_, err := walog.Open(walog.Config{Dir: dir}, zap.NewNop())
	require.ErrorIs(t, err, walog.ErrInUse)
	require.NoError(t, tr.Close())
	require.NoError(t, openLog(t, dir).Close())
}

// Space is given back once the slowest group is past it.
func TestTruncationStaysBehindTheSlowestGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr, err := walog.Open(walog.Config{Dir: dir, SegmentBytes: 1 << 20, Stream: stream.Config{
		RetainBytes: 1, FlushEvery: time.Millisecond, TruncateEvery: time.Millisecond,
	}}, zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, tr.Close()) }()
	require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic"}))
	slow, err := tr.Subscriber(mq.SubscriberConfig{Group: "slow", Lanes: 1, DrainTimeout: time.Millisecond})
	require.NoError(t, err)
	held, err := slow.Subscribe(context.WithoutCancel(t.Context()), "topic")
	require.NoError(t, err)
	fill(t, tr, 1, 1000)
	readAll(t, tr, "1000")
	first := <-held
	require.Equal(t, "1", first.UUID)
	require.GreaterOrEqual(t, len(segments(t, dir)), 4, "a group that has acknowledged nothing keeps all")
	first.Ack()
	for m := range held {
		m.Ack()
		if m.UUID == "1000" {
			break
		}
	}
	require.Eventually(t, func() bool { return len(segments(t, dir)) <= 2 }, 10*time.Second, 10*time.Millisecond)
}
