package load

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMedians(t *testing.T) {
	t.Parallel()
	rates := func(values ...float64) *Results {
		r := &Results{}
		for _, v := range values {
			r.Runs = append(r.Runs, &Report{StoredPerSecond: v})
		}
		return r
	}
	for _, c := range []struct {
		values                          []float64
		median, lowest, highest, spread float64
	}{
		{[]float64{5}, 5, 5, 5, 0},
		{[]float64{1, 100, 10}, 10, 1, 100, 990},
		{[]float64{4, 1, 2, 3}, 2.5, 1, 4, 120},
		{[]float64{0, 4, 4}, 4, 0, 4, 100}, // a run without the figure counts as 0
	} {
		assert.Equal(t, []Median{{"stored", "/s", c.median, c.lowest, c.highest, c.spread}}, rates(c.values...).Medians(), "%v", c.values)
	}
}

// full returns a report with values in all fields.
func full(of string) *Report {
	l := newHistogram()
	for i := range 2000 {
		l.record(time.Duration(i+1) * time.Millisecond)
	}
	written, each := int64(10), 5.0
	r := &Report{
		Mode: of, Cores: 2, ContentBytes: 128, Seconds: 3, InFlight: 4, ServerMemoryBytes: 5e6, Each: "message", Notes: []string{"a note"},
		Processes: []Cost{{Name: "gochat", PID: 17, CPUSeconds: 1, CorePercent: 33, MicrosEach: 20, WrittenBytes: &written, WrittenEach: &each}, {Name: thisGenerator, MicrosEach: 10}},
		Timeline:  []Series{{"stored", []Point{{1, 100}, {2, 120}}}},
	}
	switch of {
	case "pairs", "group", "groups", "world":
		r.StoredPerSecond, r.DeliveredSecond, r.StoredLatency, r.DeliveredLatency = 1000, 2000, l.latency(), l.latency()
		if of != "pairs" {
			r.Members, r.Groups, r.DeliveryMicros = 10, max(1, map[string]int{"groups": 2}[of]), 0.5
		} else {
			r.Pairs, r.Conversations = 2, 2
		}
	case "reconnect":
		r.Each, r.Storm = "socket", &Storm{Sockets: 100, Users: 50, AllHelloSeconds: 1.5, AllSyncedSeconds: 2, Hello: l.latency(), Synced: l.latency(), SyncCall: l.latency(), Before: l.latency(), During: l.latency()}
	case "history":
		r.Each, r.History = "page", &Pages{Messages: 1000, Callers: 4, PerSecond: 500, Head: l.latency(), Depth: l.latency()}
	case "sync":
		r.Each, r.Sync = "sync", &Syncing{Conversations: 10, Callers: 4, PerSecond: 50, Whole: l.latency(), Call: l.latency()}
	case "idle":
		r.Idle, r.RSSPerSocket, r.GoBytesPerSocket = 10, 9000, 8000
	}
	return r
}

func TestReportsAreRead(t *testing.T) {
	t.Parallel()
	for of, says := range map[string][]string{
		"pairs":     {"2 pairs, 4 in flight each", "stored         1000 /s   p50", "delivered", "written, bytes a message", "gochat", "5.00", "note       a note"},
		"group":     {"a group of 10 members online, 4 in flight", "µs a delivery"},
		"groups":    {"2 groups of 10 members online, 4 in flight each"},
		"world":     {"the world with 10 members online"},
		"reconnect": {"100 sockets of 50 users cut at once", "all after 1.50 s", "before   p50", "during   p50", "µs a socket"},
		"history":   {"pages of 50 in a conversation of 1000 messages, 4 callers", "head", "depth", "µs a page"},
		"sync":      {"syncs with news in 10 conversations", "whole", "a call", "µs a sync"},
		"idle":      {"10 idle sockets", "9.0 KB resident"},
	} {
		var text strings.Builder
		require.NoError(t, (&Results{Runs: []*Report{full(of)}}).Write(&text))
		for _, s := range says {
			assert.Contains(t, text.String(), s, of)
		}
		assert.NotContains(t, text.String(), "median", of)

		text.Reset()
		require.NoError(t, (&Results{Runs: []*Report{full(of), full(of)}}).Write(&text))
		for _, s := range []string{"run 1 of 2", "run 2 of 2", "median of 2 runs", "spread"} {
			assert.Contains(t, text.String(), s, of)
		}
	}
}

// TestJSONOfOneRunIsItsReport: a single run is encoded without a list of runs, for scripts that read one.
func TestJSONOfOneRunIsItsReport(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(&Results{Runs: []*Report{full("pairs")}})
	require.NoError(t, err)
	var one Report
	require.NoError(t, json.Unmarshal(text, &one))
	assert.Equal(t, full("pairs"), &one)

	text, err = json.Marshal(&Results{Runs: []*Report{full("sync"), full("sync")}})
	require.NoError(t, err)
	var several struct {
		Runs    []*Report
		Medians []Median
	}
	require.NoError(t, json.Unmarshal(text, &several))
	assert.Len(t, several.Runs, 2)
	assert.Contains(t, several.Medians, Median{Name: "syncs", Unit: "/s", Median: 50, Lowest: 50, Highest: 50})
}
