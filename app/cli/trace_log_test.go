package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLogsCarryTheTraceThatTheClientSaw: log lines have the trace id of the answer, also when
// the trace is not sampled, and also in workers, whose retries log the cause.
func TestLogsCarryTheTraceThatTheClientSaw(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	p := launch(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0", "--gateway-send-timeout", "1s",
		"--db-busy-timeout", "100ms", "--router-retry-pause", "1ms", "--router-retry-pause-max", "1ms")
	token := register(t, p.address(t))
	unlock := lockDatabase(t, dir)
	id, err := send(t.Context(), p.address(t), token)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{32}$`, id)
	for _, what := range []string{"retrying a run", "a run failed", "an HTTP request failed", "a call failed"} {
		// The first such line may be of another request: a registration may have been retried.
		line := regexp.MustCompile(`(?m)^.*` + what + `.*"trace_id": "` + id + `".*$`)
		require.Eventually(t, func() bool { return line.MatchString(p.stderr.String()) }, ending, 5*time.Millisecond,
			"%s with the trace that the client saw: %s", what, p.stderr.String())
		assert.Regexp(t, "database|not stored yet", line.FindString(p.stderr.String()), "why")
	}
	for _, line := range strings.Split(p.stderr.String(), "\n") {
		if strings.Contains(line, "retrying") || strings.Contains(line, "a run failed") {
			assert.Contains(t, line, id)
		}
	}
	unlock()
}
