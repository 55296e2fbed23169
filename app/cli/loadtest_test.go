package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/load"
)

// TestLoadtestMeasures: each kind of load measures a server, finds its history whole, and says what it
// was told to do.
func TestLoadtestMeasures(t *testing.T) {
	t.Setenv("GOCHAT_AUTH_BCRYPT_COST", "4")
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0")
	for name, c := range map[string]struct {
		args   string
		says   string
		counts func(*load.Report) []float64
	}{
		"pairs": {"--pairs 4 --in-flight 2", "4 pairs, 2 in flight each", func(r *load.Report) []float64 {
			return []float64{r.StoredPerSecond, r.DeliveredSecond, r.StoredLatency.P50, float64(r.CheckedMessages)}
		}},
		"a rate": {"--pairs 4 --rate 100", "100 messages a second offered", func(r *load.Report) []float64 {
			return []float64{r.Rate, r.StoredPerSecond, r.DeliveredLatency.P50}
		}},
		"a group": {"--group 10 --in-flight 3", "a group of 10 members online", func(r *load.Report) []float64 {
			return []float64{float64(r.Members), r.StoredPerSecond, r.DeliveredSecond, r.DeliveredLatency.P50, r.DeliveryMicros, float64(r.CheckedMessages)}
		}},
		"idle": {"--idle 20 --users 5", "20 idle sockets", func(r *load.Report) []float64 { return []float64{float64(r.Idle)} }},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"loadtest", "--url", "http://" + p.address(t), "--warmup", "100ms", "--duration", "300ms"}, strings.Fields(c.args)...)
			var stdout, stderr syncBuffer
			require.Zero(t, run(t.Context(), args, &stdout, &stderr), stderr.String())
			assert.Contains(t, stdout.String(), c.says)
			stdout = syncBuffer{}
			require.Zero(t, run(t.Context(), append(args, "--json"), &stdout, &stderr), stderr.String())
			var r load.Report
			require.NoError(t, json.Unmarshal([]byte(stdout.String()), &r))
			for i, n := range c.counts(&r) {
				assert.Positive(t, n, "figure %d of %s", i, stdout.String())
			}
		})
	}
	for _, wrong := range []string{"--pairs 0", "--rate -1", "--group 1", "--group 5 --rate 5", "--pairs 2 --peers 3"} {
		var stdout, stderr syncBuffer
		args := append([]string{"loadtest", "--url", "http://" + p.address(t)}, strings.Fields(wrong)...)
		assert.Equal(t, 1, run(t.Context(), args, &stdout, &stderr), wrong)
	}
}
