package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/load"
)

// TestLoadtestMeasures: each kind of load measures a server, finds its history whole, and reports its own options.
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
		"groups": {"--groups 3 --members 4 --in-flight 2", "3 groups of 4 members online", func(r *load.Report) []float64 {
			return []float64{float64(r.Groups), float64(r.Members), r.StoredPerSecond, r.DeliveredSecond, float64(r.CheckedMessages)}
		}},
		"the world": {"--world 5 --in-flight 2", "the world with 5 members online", func(r *load.Report) []float64 {
			return []float64{r.StoredPerSecond, r.DeliveredSecond, float64(r.CheckedMessages)}
		}},
		"a storm": {"--reconnect 20 --users 5", "20 sockets of 5 users cut at once", func(r *load.Report) []float64 {
			return []float64{r.Storm.AllHelloSeconds, r.Storm.AllSyncedSeconds, r.Storm.SyncCall.P99, r.Storm.Before.P99, float64(r.Storm.Synced.Count)}
		}},
		"history": {"--history 400 --in-flight 2", "pages of 50 in a conversation of ", func(r *load.Report) []float64 {
			return []float64{r.History.PerSecond, r.History.Head.P50, r.History.Depth.P99, float64(r.History.Messages)}
		}},
		"sync": {"--sync 5 --in-flight 2", "syncs with news in 5 conversations", func(r *load.Report) []float64 {
			return []float64{r.Sync.PerSecond, r.Sync.Whole.P50, r.Sync.Call.P99}
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
			assert.Contains(t, stderr.String(), "registering", "progress is told")
		})
	}
	for wrong, says := range map[string]string{
		"--pairs 0": "--pairs 0", "--rate -1": "--rate -1", "--group 1": "2 members", "--group 5 --rate 5": "--rate means nothing with --group",
		"--pairs 2 --peers 3": "--peers 3", "--pid 5": "NAME=PID", "--pid gone=999999999": "gone=999999999", "--html /nowhere/at/all.html": "--html /nowhere/at/all.html",
	} {
		var stdout, stderr syncBuffer
		args := append([]string{"loadtest", "--url", "http://" + p.address(t)}, strings.Fields(wrong)...)
		assert.Equal(t, 1, run(t.Context(), args, &stdout, &stderr), wrong)
		assert.Contains(t, stderr.String(), says)
	}
}

// TestLoadtestRuns: the report of several runs has each run, the medians and the cost of the processes, as text,
// JSON and a page. A test that fails leaves no page.
func TestLoadtestRuns(t *testing.T) {
	t.Setenv("GOCHAT_AUTH_BCRYPT_COST", "4")
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0")
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	args := []string{
		"loadtest", "--url", "http://" + p.address(t), "--warm-up", "50ms", "--duration", "300ms", "--pairs", "4", "--runs", "3", "--html", file,
	}
	if runtime.GOOS == "linux" {
		args = append(args, "--pid", fmt.Sprintf("all=%d", os.Getpid()))
	}
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), append(args, "--json"), &stdout, &stderr), stderr.String())
	var results struct {
		Runs    []load.Report
		Medians []load.Median
	}
	require.NoError(t, json.Unmarshal([]byte(stdout.String()), &results))
	require.Len(t, results.Runs, 3)
	for _, r := range results.Runs {
		assert.Positive(t, r.StoredPerSecond)
		assert.NotEmpty(t, r.Timeline)
		assert.Positive(t, r.CheckedMessages)
		if runtime.GOOS == "linux" {
			assert.Equal(t, "all", r.Processes[0].Name)
			assert.Equal(t, os.Getpid(), r.Processes[0].PID)
			assert.NotNil(t, r.Processes[0].WrittenEach) // its CPU is counted in steps of 10 ms, of which a busy machine may give it none
		}
	}
	stored := slices.IndexFunc(results.Medians, func(m load.Median) bool { return m.Name == "stored" })
	require.GreaterOrEqual(t, stored, 0)
	m := results.Medians[stored]
	assert.True(t, 0 < m.Lowest && m.Lowest <= m.Median && m.Median <= m.Highest, "%+v", m)
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(page), "<th>run 3</th>")

	var gone syncBuffer
	assert.Equal(t, 1, run(t.Context(), append(args, "--group", "1"), &stdout, &gone))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "what was begun for a test that failed is removed")
}
