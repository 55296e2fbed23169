package walog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	osfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const smallSegment = 64 << 10

var onlySegment = types.SegmentInfo{ID: 1, BaseIndex: 1, MinIndex: 1, SizeLimit: smallSegment, Codec: wal.CodecBinaryV1}

// sealed makes a log whose only segment was sealed by its last append, entry n, and a crash kept that from
// the metadata. It returns where the append begins and ends in the file.
func sealed(t *testing.T, dir string) (n uint64, begin, end int64) {
	t.Helper()
	meta := &metadb.BoltMetaDB{}
	_, err := meta.Load(dir)
	require.NoError(t, err)
	require.NoError(t, meta.CommitState(types.PersistentState{NextSegmentID: 2, Segments: []types.SegmentInfo{onlySegment}}))
	require.NoError(t, meta.Close())
	w, err := segment.NewFiler(dir, osfs.New()).Create(onlySegment)
	require.NoError(t, err)
	for done := false; !done; {
		n++
		begin = fileEnd(t, newest(t, dir))
		var entry bytes.Buffer
		require.NoError(t, (&wal.BinaryCodec{}).Encode(&raft.Log{Index: n, Term: 1, Data: content(n)}, &entry))
		require.NoError(t, w.Append([]types.LogEntry{{Index: n, Data: entry.Bytes()}}))
		done, _, err = w.Sealed()
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return n, begin, fileEnd(t, newest(t, dir))
}

func content(n uint64) []byte { return bytes.Repeat([]byte(fmt.Sprint(n, ",")), 1000) }

// fileEnd is where the frames end.
func fileEnd(t *testing.T, path string) int64 {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	written := len(bytes.TrimRight(data, "\x00"))
	return int64((written + frameHeader - 1) / frameHeader * frameHeader)
}

// lose sets a part of a file back to the zeros from before anything was written there.
func lose(t *testing.T, path string, from, to int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, to-from), from)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func openJournal(t *testing.T, dir string) *journal {
	t.Helper()
	j := &journal{cfg: Config{Dir: dir, SegmentBytes: smallSegment, files: files{osfs.New()}}, dir: dir, lock: flock.New(filepath.Join(dir, lockFile))}
	require.NoError(t, j.open())
	return j
}

// holds checks that the log has entries 1 to n, as they were written.
func holds(t *testing.T, j *journal, n uint64) {
	t.Helper()
	first, last, err := j.Bounds()
	require.NoError(t, err)
	require.Equal(t, []uint64{1, n}, []uint64{first, last})
	for i := first; i <= last; i++ {
		data, err := j.Read(i)
		require.NoError(t, err)
		require.Equal(t, content(i), data, "entry %d", i)
	}
}

// TestATornSealIsNone: a loss of power tears an append that seals its segment, and keeps some of its sectors.
// The append was not confirmed: the log has what was before it, and takes the entry anew.
func TestATornSealIsNone(t *testing.T) {
	t.Parallel()
	for name, torn := range map[string]func(begin, end int64) (from, to int64){
		"all of it":                     func(begin, end int64) (int64, int64) { return begin, end },
		"the begin of the entry":        func(begin, _ int64) (int64, int64) { return begin, (begin/512 + 1) * 512 },
		"a sector of the entry":         func(begin, _ int64) (int64, int64) { return (begin/512 + 1) * 512, (begin/512 + 2) * 512 },
		"the commit":                    func(_, end int64) (int64, int64) { return end - frameHeader, end },
		"the index, not all of it":      func(_, end int64) (int64, int64) { return end - 3*frameHeader, end - frameHeader },
		"the end of the index, and all": func(_, end int64) (int64, int64) { return end - 3*frameHeader, end },
		"nothing":                       func(_, end int64) (int64, int64) { return end, end },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			n, begin, end := sealed(t, dir)
			from, to := torn(begin, end)
			lose(t, newest(t, dir), from, to)
			last := n
			if from < to {
				last = n - 1
			}
			j := openJournal(t, dir)
			holds(t, j, last)
			for i := last + 1; i <= n+3; i++ {
				require.NoError(t, j.Append(i, content(i)))
			}
			holds(t, j, n+3)
			require.NoError(t, j.Close())
			j = openJournal(t, dir)
			holds(t, j, n+3)
			require.NoError(t, j.Close())
		})
	}
}

// TestWhatIsBehindTheEndIsNotRead: the torn append is longer than the next one, and its bytes look like
// frames of any kind.
func TestWhatIsBehindTheEndIsNotRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []byte{frameEntry, frameIndex, frameCommit} {
		for shift := range frameHeader { // one of them brings the frames to where the library looks
			dir := t.TempDir()
			j := openJournal(t, dir)
			require.NoError(t, j.Append(1, content(1)))
			frame := binary.LittleEndian.AppendUint32([]byte{kind, 0, 0, 0}, 8)
			require.NoError(t, j.Append(2, append(make([]byte, shift), bytes.Repeat(frame, 2000)...)))
			require.NoError(t, j.Close())
			end := fileEnd(t, newest(t, dir))
			lose(t, newest(t, dir), end-frameHeader, end) // the commit

			for last := uint64(1); last < 4; last++ {
				j = openJournal(t, dir)
				holds(t, j, last)
				require.NoError(t, j.Append(last+1, content(last+1)))
				require.NoError(t, j.Close())
			}
		}
	}
}

func newest(t *testing.T, dir string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}

// TestDamageIsNotCutOff: no crash leaves a wrong commit before a right one, whose entries were confirmed.
func TestDamageIsNotCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := openJournal(t, dir)
	for i := range uint64(5) {
		require.NoError(t, j.Append(i+1, content(i+1)))
	}
	require.NoError(t, j.Close())
	path := newest(t, dir)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[len(bytes.TrimRight(data, "\x00"))/2] ^= 0xff
	require.NoError(t, os.WriteFile(path, data, 0o600))
	j = openJournal(t, dir)
	_, last, err := j.Bounds()
	require.NoError(t, err)
	assert.EqualValues(t, 5, last)
	require.NoError(t, j.Close())
	left, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, data, left)
}
