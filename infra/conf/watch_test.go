package conf

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patience = 30 * time.Second

// watched counts Watch's calls of changed, from the first one on.
func watched(t *testing.T, files ...string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	calls, done := make(chan struct{}, 16), make(chan struct{})
	go func() {
		defer close(done)
		Watch(ctx, files, func() { calls <- struct{}{} }, func(err error) { t.Log(err) })
	}()
	t.Cleanup(func() { cancel(); <-done })
	await(t, calls, "the first call")
	return calls
}

func await(t *testing.T, calls <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(patience):
		t.Fatalf("nobody is told of %s", what)
	}
}

// TestChangesOfFilesAreSeen: whatever the way in which files change, each change is reported once, and one
// that leaves the contents the same is not.
func TestChangesOfFilesAreSeen(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "sub", "two")
	write := func(file, text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(one, "1")
	calls := watched(t, one, two)
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"a write", func() { write(one, "2") }},
		{"a rename", func() { write(one+".new", "3"); require.NoError(t, os.Rename(one+".new", one)) }},
		{"a file in a new directory", func() { require.NoError(t, os.Mkdir(filepath.Dir(two), 0o700)); write(two, "x") }},
		{"a deletion", func() { require.NoError(t, os.Remove(one)) }},
		{"a link", func() { write(one+".target", "4"); require.NoError(t, os.Symlink(one+".target", one)) }},
		{"a write to what a link leads to", func() { write(one+".target", "5") }},
	} {
		step.do()
		await(t, calls, step.what)
	}
	write(one+".target", "5")
	write(filepath.Join(dir, "other"), "x")
	write(one, "6")
	await(t, calls, "the last write")
	assert.Empty(t, calls, "what changed nothing is told")
}

// TestTakeCopiesWhatItIsTold and nothing else.
func TestTakeCopiesWhatItIsTold(t *testing.T) {
	into, from := defaults(), defaults()
	from.Count, from.Gateway.Timeout, from.Gateway.Listen = 9, time.Hour, "elsewhere"
	assert.Equal(t, []string{"count", "gateway.listen", "gateway.timeout"}, Changed(into, from))
	Take(into, from, []string{"count", "gateway.timeout"})
	assert.Equal(t, []string{"gateway.listen"}, Changed(into, from))
}
