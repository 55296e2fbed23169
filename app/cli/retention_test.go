package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRetentionCommand: a conversation's own time is set, shown and cleared beside the running server.
func TestRetentionCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b := boot(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "  open  http://")
	retention := func(code int, args ...string) string {
		t.Helper()
		var stdout, stderr syncBuffer
		require.Equal(t, code, run(t.Context(), append([]string{"retention", "--data-dir", dir}, args...), &stdout, &stderr), stderr.String())
		return stdout.String() + stderr.String()
	}
	assert.Contains(t, retention(0, "show", "world"), "world keeps its messages: forever (as others of its kind)")
	assert.Contains(t, retention(0, "show", "world"), "expired: 0 of 0 messages")
	assert.Contains(t, retention(0, "set", "world", "720h"), "world keeps its messages: 720h0m0s (its own)")
	assert.Regexp(t, `(?m)^world +720h0m0s`, retention(0, "show"))
	assert.Contains(t, retention(0, "set", "world", "forever"), "forever (its own)")
	assert.Contains(t, retention(0, "clear", "world"), "(as others of its kind)")
	assert.NotContains(t, retention(0, "show"), "720h")
	assert.Contains(t, retention(1, "show", "group_7"), "group_7")
	assert.Contains(t, retention(1, "set", "group_7", "1h"), "group_7")
	for _, bad := range []string{"30", "-1h", "1ms", "never"} {
		retention(2, "set", "--", "world", bad)
	}
}
