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
	// longestWait is how long anybody may wait while processes are replaced one after the other. It
	// holds where the machine has nothing else to do, so at night; otherwise it is twice complete.
	longestWait = 5 * time.Second
	// warmSends in a row that had their outcome within warmWait each: the servers have got going.
	warmSends, warmWait = 5000, time.Second
)

// waits is a table of the longest waits, by what was done meanwhile.
type waits []wait

type wait struct {
	during  string
	longest time.Duration
}

// longest is the longest time that anybody waited since it was asked last.
func (w *town) longest() time.Duration {
	var longest time.Duration
	for _, p := range w.people {
		longest = max(longest, p.Longest())
	}
	return longest
}

// waited notes the longest wait since it was asked last, once everybody who waits has what they wait for.
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

// judge prints the table, and fails where somebody waited longer than clients are promised.
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

// warm returns once so many sends in a row were quick. A Kafka that has just started stands still for
// some seconds once, which no process of this project can do anything about. It is waited for where
// the limit is less than that.
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
