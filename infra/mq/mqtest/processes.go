package mqtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// RunProcesses runs the cases in which processes are killed and stopped. The package's
// TestMain is Main, or calls Child.
func RunProcesses(t *testing.T, d Driver) {
	t.Run("nothing confirmed is lost over kills", func(t *testing.T) {
		t.Parallel()
		kills(t, d)
	})
	if d.Shared {
		t.Run("a process that stood still starts nothing that it lost", func(t *testing.T) {
			t.Parallel()
			standstill(t, d)
		})
	}
}

// kills ends a process that publishes and consumes, again and again. Then a member acknowledges what the
// others did not: every confirmed message must be there, and for each acknowledged one its follow-up.
func kills(t *testing.T, d Driver) {
	// With several members, the next one waits until a dead one's partitions or shards are free.
	rounds, pause := 12, time.Duration(0)
	if d.Shared {
		rounds, pause = 3, 5*time.Millisecond
	}
	if testing.Short() {
		rounds = (rounds + 2) / 3
	}
	dir := t.TempDir()
	confirmed, acked := map[string]bool{}, map[string]bool{}
	for round := range rounds {
		c := startChild(t, dir, fmt.Sprint(round), pause, 0)
		begun := 0
		hear := func(kind, id string) {
			switch kind {
			case "p":
				confirmed[id] = true
			case "a":
				acked[id] = true
				begun++
			}
		}
		for until := 1 + rand.IntN(1500); begun < until; { //nolint:gosec // a moment
			kind, id := c.next(t)
			hear(kind, id)
		}
		c.kill(t, hear)
	}
	require.Greater(t, len(confirmed), rounds*10, "the children did work")
	left := map[string]bool{}
	for id := range confirmed {
		if !acked[id] {
			left[id] = true
		}
	}
	t.Logf("%d messages were confirmed, %d of them were not acknowledged", len(confirmed), len(left))
	tr := d.Open(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	ensure(t, tr, "topic", "next")
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g", Lanes: 4})
	next, _ := subscribe(t, tr, "next", mq.SubscriberConfig{Lanes: 4})
	last := map[string]int{}
	for len(left) > 0 || len(confirmed) > 0 {
		select {
		case m, open := <-ch:
			require.True(t, open, "the subscription ended")
			key, n := split(m)
			require.True(t, last[key] == 0 || n == last[key]+1, "%s comes after %d", m.UUID, last[key])
			last[key] = n
			delete(left, m.UUID)
			delete(confirmed, m.UUID)
			m.Ack()
		case m, open := <-next:
			require.True(t, open, "the subscription ended")
			delete(confirmed, m.UUID)
			m.Ack()
		case <-time.After(patience):
			require.FailNow(t, "something is lost", "%d messages do not come again, of %d there is nothing that followed", len(left), len(confirmed))
		}
	}
}

// laggards are transports that can tell how far groups are behind.
type laggards interface {
	Lag(ctx context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error)
}

// standstill stops a process for so long that another member takes over everything, and lets it go on: it may
// finish what it has in flight, but starts nothing else that it had taken before, moves no offset back, and
// joins again.
func standstill(t *testing.T, d Driver) {
	dir := t.TempDir()
	tr := d.Open(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	ensure(t, tr, "topic")
	const perKey = 100
	all := map[string]bool{}
	for n := 1; n <= perKey; n++ {
		var msgs []*message.Message
		for k := range keys {
			m := numbered(fmt.Sprintf("old%d", k), n)
			msgs, all[m.UUID] = append(msgs, m), true
		}
		publish(t, tr, "topic", msgs...)
	}
	l := newLedger()
	hear := func(kind, id string) {
		if kind == "a" {
			l.know(id)
		}
	}
	c := startChild(t, dir, "", 0, 10*time.Millisecond)
	for l.count() < 100 {
		kind, id := c.next(t)
		hear(kind, id)
	}
	c.pause(t, hear)
	require.Less(t, l.count(), len(all)-100, "it has much in its lanes")

	heir := join(t, d, dir, "heir", mq.SubscriberConfig{Group: "g", Lanes: 4}, l, 0)
	require.Eventually(t, func() bool { return l.count() == len(all) }, 2*patience, 5*time.Millisecond, "it takes over")
	behind := func() uint64 {
		reader := mq.Reader{Topic: "topic", Group: "g"}
		lag, err := tr.(laggards).Lag(t.Context(), reader) //nolint:forcetypeassert // Shared drivers tell it
		require.NoError(t, err)
		return lag[reader]
	}
	for end := time.Now().Add(patience); behind() > 0; time.Sleep(50 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "it does not commit")
	}

	late := 0
	hear = func(kind, id string) {
		if kind == "b" && all[id] {
			late++
		}
	}
	c.resume(t)
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		require.Zero(t, behind(), "an offset went back")
	}
	joinedAgain(t, tr, c, all, hear)
	c.kill(t, hear)
	// What was handed over at the moment of the stop is in flight, too.
	require.LessOrEqual(t, late, childRun, "it began messages that were another one's by then")
	heir.leave(t)
	l.check(t)
}

// joinedAgain publishes until the child handles a message.
func joinedAgain(t *testing.T, tr mq.Transport, c *child, old map[string]bool, heard func(kind, id string)) {
	t.Helper()
	f := feed(t, tr, 5*time.Millisecond)
	defer f.end()
	for {
		kind, id := c.next(t)
		heard(kind, id)
		if kind == "a" && !old[id] {
			return
		}
	}
}
