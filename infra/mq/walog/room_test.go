package walog

import (
	"io/fs"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	osfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/stream"
)

// smallDisk is a file system that can be full: then no file is made, and only the first half of a write gets
// to the disk.
type smallDisk struct {
	types.VFS
	full, broken *atomic.Bool
}

func (d smallDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if d.full.Load() {
		return nil, &fs.PathError{Op: "fallocate", Path: name, Err: syscall.ENOSPC}
	}
	f, err := d.VFS.Create(dir, name, size)
	return smallFile{f, d}, err
}

func (d smallDisk) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := d.VFS.OpenWriter(dir, name)
	return smallFile{f, d}, err
}

type smallFile struct {
	types.WritableFile
	disk smallDisk
}

func (f smallFile) WriteAt(p []byte, at int64) (int, error) {
	if !f.disk.full.Load() {
		return f.WritableFile.WriteAt(p, at)
	}
	n, err := f.WritableFile.WriteAt(p[:len(p)/2], at)
	if err == nil {
		err = &fs.PathError{Op: "write", Path: "segment", Err: syscall.ENOSPC}
	}
	return n, err
}

func (f smallFile) Sync() error {
	if f.disk.broken.Load() {
		return &fs.PathError{Op: "sync", Path: "segment", Err: syscall.ENOSPC}
	}
	return f.WritableFile.Sync()
}

// TestFullDisk: while the disk is full the log says so and accepts nothing; when there
// is room it goes on by itself, with all that was confirmed and nothing else.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk{osfs.New(), &atomic.Bool{}, &atomic.Bool{}}
	cfg := Config{Dir: t.TempDir(), SegmentBytes: 64 << 10, files: disk}
	s, err := Open(cfg, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "topic"}))
	var confirmed []string
	publish := func(id string) error {
		err := s.Publisher().Publish("topic", message.NewMessage(id, make([]byte, 3<<10)))
		if err == nil {
			confirmed = append(confirmed, id)
		}
		return err
	}
	for round := range 3 { // over several segments
		for i := range 30 {
			require.NoError(t, publish(strconv.Itoa(100*round+i)))
		}
		disk.full.Store(true)
		require.Eventually(t, func() bool { return publish("none") != nil }, time.Minute, time.Millisecond)
		require.ErrorIs(t, s.Health(t.Context()), stream.ErrNoRoom)
		require.ErrorIs(t, publish("none"), stream.ErrNoRoom)
		disk.full.Store(false)
		require.Eventually(t, func() bool { return s.Health(t.Context()) == nil }, time.Minute, time.Millisecond, "it heals by itself")
	}
	require.NoError(t, publish("after"))
	assert.Equal(t, confirmed, read(t, s, len(confirmed)))
	require.NoError(t, s.Close())

	s, err = Open(cfg, zap.NewNop())
	require.NoError(t, err)
	assert.Equal(t, confirmed, read(t, s, len(confirmed)), "after a restart")
	require.NoError(t, s.Close())
}

// TestFailedSync: after a failed fsync nobody knows what is on the disk, whatever its reason.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	disk := smallDisk{osfs.New(), &atomic.Bool{}, &atomic.Bool{}}
	s, err := Open(Config{Dir: t.TempDir(), files: disk}, zap.NewNop())
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	require.NoError(t, s.Ensure(t.Context(), mq.Topic{Name: "topic"}))
	disk.broken.Store(true)
	require.Error(t, s.Publisher().Publish("topic", message.NewMessage("a", nil)))
	disk.broken.Store(false)
	err = s.Publisher().Publish("topic", message.NewMessage("b", nil))
	require.Error(t, err)
	require.NotErrorIs(t, err, stream.ErrNoRoom)
	require.Error(t, s.Health(t.Context()))
}

// read returns the ids of the oldest n messages.
func read(t *testing.T, s *stream.Stream, n int) []string {
	t.Helper()
	sub, err := s.Subscriber(mq.SubscriberConfig{Start: mq.StartOldest, Lanes: 1, Run: 1})
	require.NoError(t, err)
	defer func() { assert.NoError(t, sub.Close()) }()
	in, err := sub.Subscribe(t.Context(), "topic")
	require.NoError(t, err)
	var out []string
	for len(out) < n {
		m := <-in
		out = append(out, m.UUID)
		m.Ack()
	}
	return out
}
