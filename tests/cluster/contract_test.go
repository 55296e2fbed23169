package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// contract runs the black-box suite and the vectors with calls and sockets on all gateways in
// turn; with CI_NIGHTLY also on each gateway alone.
func (w *town) contract(t *testing.T) {
	t.Helper()
	for _, url := range w.Gateways() {
		// A server that an earlier fault cut off may be behind for a while.
		require.Eventually(t, func() bool { return readiness(t, url) == "200 ok" }, complete, 100*time.Millisecond, "%s is wholly ready", url)
	}
	addresses := []string{strings.Join(w.Gateways(), ",")}
	if nightly() {
		addresses = append(w.Gateways(), addresses...)
	}
	for _, suite := range []string{"blackbox", "vectors"} {
		bin := filepath.Join(w.opt.Dir, suite+".test")
		build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", bin, "../"+suite) //nolint:gosec // ours
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
		for _, urls := range addresses {
			t.Run(suite+" "+strings.ReplaceAll(urls, "http://", ""), func(t *testing.T) {
				cmd := exec.CommandContext(t.Context(), bin, "-test.failfast")
				cmd.Dir, cmd.Env = "../"+suite, append(os.Environ(), "GOCHAT_TEST_URL="+urls)
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, tail(string(out), 6000))
			})
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
