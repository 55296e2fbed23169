package obs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/natefinch/lumberjack.v2"
)

// TestEachDayHasAFileOfItsOwn: so that the age of a file is that of its lines, also of a process that
// was started again.
func TestEachDayHasAFileOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gochat.log")
	now := time.Now()
	open := func() *aging {
		a, err := newAging(&lumberjack.Logger{Filename: path, MaxAge: 7}, func() time.Time { return now })
		require.NoError(t, err)
		return a
	}
	write := func(a *aging, line string) {
		_, err := a.Write([]byte(line))
		require.NoError(t, err)
	}
	files := func(active string) int {
		all, err := filepath.Glob(filepath.Join(dir, "*.log"))
		require.NoError(t, err)
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, active, string(got))
		return len(all)
	}
	a := open()
	write(a, "1")
	write(a, "2")
	assert.Equal(t, 1, files("12"))
	now = now.Add(24 * time.Hour)
	time.Sleep(2 * time.Millisecond) // files that are put aside have names by the millisecond
	write(a, "3")
	assert.Equal(t, 2, files("3"))
	require.NoError(t, a.Close())

	require.NoError(t, os.Chtimes(path, now, now))
	a = open()
	write(a, "4")
	assert.Equal(t, 2, files("34"), "the same day goes on")
	require.NoError(t, a.Close())
	require.NoError(t, os.Chtimes(path, now, now))
	now = now.Add(24 * time.Hour)
	time.Sleep(2 * time.Millisecond) // files that are put aside have names by the millisecond
	a = open()
	write(a, "5")
	assert.Equal(t, 3, files("5"))
	require.NoError(t, a.Close())
}
