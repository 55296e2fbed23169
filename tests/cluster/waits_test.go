package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// longestWait bounds the wait of any user while processes are replaced one after the other. It holds
	// on an otherwise idle machine, so it is checked at night; by day the bound is twice complete.
	longestWait = 5 * time.Second
	// The servers count as warm after warmSends sends in a row had their outcome within warmWait each.
	warmSends, warmWait = 5000, time.Second
)

// waits is a table of the longest waits, by the step in which they were.
type waits []wait

type wait struct {
	during  string
	longest time.Duration
}

// longest returns the longest wait of any user since the last call of longest.
func (w *town) longest() time.Duration {
	var longest time.Duration
	for _, p := range w.people {
		longest = max(longest, p.Longest())
	}
	return longest
}

// waited waits until every wait that has begun so far is over, and adds the longest wait to the table.
func (w *town) waited(t *testing.T, during string) {
	t.Helper()
	now := time.Now()
	for {
		why := ""
		for _, p := range w.people {
			if why = p.Unanswered(now); why != "" {
				break
			}
		}
		if why == "" {
			break
		}
		require.Less(t, time.Since(now), 2*complete, "%s: %s", during, why)
		time.Sleep(20 * time.Millisecond)
	}
	w.waits = append(w.waits, wait{during, w.longest()})
}

// judge logs the table, and fails the test for each wait that is longer than the bound.
func (all waits) judge(t *testing.T) {
	t.Helper()
	limit := 2 * complete
	if nightly() {
		limit = longestWait
	}
	var lines strings.Builder
	for _, one := range all {
		fmt.Fprintf(&lines, "\n%-32s %5.1f s", one.during, one.longest.Seconds())
	}
	t.Logf("the longest wait of anybody, by what was replaced:%s", &lines)
	for _, one := range all {
		assert.LessOrEqual(t, one.longest, limit, one.during)
	}
}

// warm waits at night until warmSends sends in a row were quick. A Kafka that has just started stalls once for some
// seconds, which GoChat cannot prevent and which is longer than longestWait.
func (w *town) warm(t *testing.T) {
	t.Helper()
	if !nightly() {
		return
	}
	begin, slowest, since := time.Now(), time.Duration(0), w.ended()
	warm := assert.Eventually(t, func() bool {
		took := w.longest()
		slowest = max(slowest, took)
		if took >= warmWait {
			since = w.ended()
		}
		return w.ended()-since >= warmSends
	}, 3*time.Minute, 100*time.Millisecond)
	t.Logf("of %d sends in %.0f s the slowest took %.1f s; the last %d were quick", w.ended(), time.Since(begin).Seconds(), slowest.Seconds(), w.ended()-since)
	require.True(t, warm, "the servers do not get going: so many sends in a row have to be quick: %d", warmSends)
}
