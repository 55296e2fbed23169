package backup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRestoreThatIsKilled: a restore that was killed after any number of its moves is reported as cut off,
// and Finish ends it by repeating all moves; all of the old data is put away.
func TestRestoreThatIsKilled(t *testing.T) {
	t.Parallel()
	old := map[string]string{"gochat.db": "old", "gochat.db-wal": "old", "queue": "old", "notes": "old"}
	fresh := map[string]string{"gochat.db": "new", "queue": "new", "secrets.json": "new"}
	for killed := 0; killed <= len(old)+len(fresh); killed++ {
		to := target(t.TempDir())
		laid := filepath.Join(to.Dir, StageDir, newDir)
		require.NoError(t, os.MkdirAll(laid, 0o700))
		write := func(dir string, files map[string]string) {
			for name, text := range files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
		}
		write(to.Dir, old)
		write(to.Dir, map[string]string{"LOCK": ""})
		write(laid, fresh)
		require.NoError(t, Cut(to.Dir), "before it moves, what is there is whole")
		p, err := to.plan(&Restored{NewEpoch: "e2"})
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(to.Dir, p.Before), 0o700))
		for n := range killed { // as settle does
			if n < len(p.Old) {
				require.NoError(t, os.Rename(filepath.Join(to.Dir, p.Old[n]), filepath.Join(to.Dir, p.Before, p.Old[n])))
				continue
			}
			name := p.New[n-len(p.Old)]
			require.NoError(t, os.Rename(filepath.Join(laid, name), filepath.Join(to.Dir, name)))
		}
		require.ErrorIs(t, Cut(to.Dir), ErrCut)
		r, err := to.Finish()
		require.NoError(t, err)
		assert.Equal(t, &Restored{NewEpoch: "e2", Before: p.Before}, r)
		require.NoError(t, Cut(to.Dir))
		for name := range fresh {
			assert.Equal(t, "new", content(t, to.Dir, name), "after %d moves", killed)
		}
		for name := range old {
			assert.Equal(t, "old", content(t, to.Dir, p.Before, name), "after %d moves", killed)
		}
		list, err := os.ReadDir(to.Dir)
		require.NoError(t, err)
		assert.Len(t, list, len(fresh)+2, "and the lock, and what was before")
		r, err = to.Finish()
		require.NoError(t, err)
		assert.Nil(t, r)
	}
}

// TestRestoreThatIsKilledAndLookedAt: an old file that is gone before it is put away does not keep the
// restore from being finished.
func TestRestoreThatIsKilledAndLookedAt(t *testing.T) {
	t.Parallel()
	to := target(t.TempDir())
	laid := filepath.Join(to.Dir, StageDir, newDir)
	require.NoError(t, os.MkdirAll(laid, 0o700))
	for _, file := range []string{filepath.Join(to.Dir, "gochat.db"), filepath.Join(to.Dir, "gochat.db-wal"), filepath.Join(laid, "gochat.db")} {
		require.NoError(t, os.WriteFile(file, []byte(filepath.Dir(file)), 0o600))
	}
	p, err := to.plan(&Restored{NewEpoch: "e2"})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(to.Dir, "gochat.db-wal")))
	_, err = to.Finish()
	require.NoError(t, err)
	require.NoError(t, to.Cut())
	assert.Equal(t, laid, content(t, to.Dir, "gochat.db"))
	assert.Equal(t, to.Dir, content(t, to.Dir, p.Before, "gochat.db"))
}

// TestWhatCannotBePutAway: a restore that cannot move all that is there, as where a disk is mounted, gives up
// with everything in its place, and may be begun again. Once something new is in its place it is only finished.
func TestWhatCannotBePutAway(t *testing.T) {
	t.Parallel()
	stays := strings.Repeat("x", 300) // no file system takes such a name
	for name, c := range map[string]struct {
		moved []string // within the stage
		cut   bool
	}{"nothing is new yet": {nil, false}, "something is new": {[]string{"queue"}, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := target(t.TempDir())
			laid := filepath.Join(to.Dir, StageDir, newDir)
			require.NoError(t, os.MkdirAll(laid, 0o700))
			for _, file := range []string{filepath.Join(to.Dir, "gochat.db"), filepath.Join(to.Dir, "notes"), filepath.Join(laid, "gochat.db"), filepath.Join(laid, "queue")} {
				require.NoError(t, os.WriteFile(file, []byte(filepath.Dir(file)), 0o600))
			}
			p, err := to.plan(&Restored{NewEpoch: "e2"})
			require.NoError(t, err)
			p.Old = append(p.Old, stays)
			raw, err := json.Marshal(p)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(to.Dir, planFile), raw, 0o600))
			for _, one := range c.moved {
				require.NoError(t, os.Rename(filepath.Join(laid, one), filepath.Join(to.Dir, one)))
			}
			_, err = to.Finish()
			require.ErrorContains(t, err, stays)
			if c.cut {
				require.ErrorIs(t, to.Cut(), ErrCut)
				assert.Equal(t, to.Dir, content(t, to.Dir, p.Before, "gochat.db"))
				return
			}
			require.NoError(t, to.Cut())
			list, err := os.ReadDir(to.Dir)
			require.NoError(t, err)
			assert.Len(t, list, 2, "what was there, and nothing else")
			assert.Equal(t, to.Dir, content(t, to.Dir, "gochat.db"))
			assert.Equal(t, to.Dir, content(t, to.Dir, "notes"))
		})
	}
}
