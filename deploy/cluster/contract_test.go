package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// contract runs the whole of the black-box suite with each call and each socket
// on another gateway than the one before, and on each gateway alone.
func (w *town) contract(t *testing.T) {
	t.Helper()
	bin := filepath.Join(w.opt.Dir, "blackbox.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", bin, "../blackbox") //nolint:gosec // ours
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	all := strings.Join(w.Gateways(), ",")
	for _, urls := range append(w.Gateways(), all) {
		t.Run(strings.ReplaceAll(urls, "http://", ""), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), bin, "-test.failfast")
			cmd.Dir, cmd.Env = "../blackbox", append(os.Environ(), "GOCHAT_TEST_URL="+urls)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, tail(string(out), 6000))
		})
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
