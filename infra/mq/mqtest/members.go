package mqtest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// ledger is what all members of a group note together: which keys have a message in flight, and how far each
// key has come.
type ledger struct {
	mu      sync.Mutex
	holders map[string]string // of each key that is worked on
	at      map[string]int    // the last number of each key
	done    map[string]bool   // by id
	again   int               // messages that came more than once
	by      map[string]int    // messages, by member
	faults  []string
}

func newLedger() *ledger {
	return &ledger{holders: map[string]string{}, at: map[string]int{}, done: map[string]bool{}, by: map[string]int{}}
}

// begin notes that a member starts on a message. The message of a key is the next one, or one that is known
// already: none may be left out.
func (l *ledger) begin(member string, m *message.Message) {
	key, n := split(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if holder, held := l.holders[key]; held {
		l.faults = append(l.faults, fmt.Sprintf("%s starts on %s while %s works on its key", member, m.UUID, holder))
	}
	if n > l.at[key]+1 {
		l.faults = append(l.faults, fmt.Sprintf("%s gets %s after %d", member, m.UUID, l.at[key]))
	}
	l.holders[key], l.at[key] = member, n
	l.by[member]++
}

// end is called before the acknowledgement.
func (l *ledger) end(m *message.Message) {
	key, _ := split(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.holders, key)
	if l.done[m.UUID] {
		l.again++
	}
	l.done[m.UUID] = true
}

// know notes a message that another process has handled.
func (l *ledger) know(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, number, _ := strings.Cut(id, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		panic(err) // the suite made it
	}
	l.at[key], l.done[id] = n, true
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.done)
}

func (l *ledger) share(member string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.by[member]
}

func (l *ledger) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	assert.Empty(t, l.faults)
}

func split(m *message.Message) (key string, n int) {
	key = m.Metadata[mq.KeyMetadata]
	if _, err := fmt.Sscanf(m.UUID[len(key)+1:], "%d", &n); err != nil {
		panic(err) // the suite made it
	}
	return key, n
}

// member is a worker with a transport of its own, as in another process.
type member struct {
	name string
	tr   mq.Transport
	done chan struct{}
}

func join(t *testing.T, d Driver, dir, name string, cfg mq.SubscriberConfig, l *ledger, work time.Duration) *member {
	t.Helper()
	m := &member{name: name, tr: d.Open(t, dir), done: make(chan struct{})}
	ch, _ := subscribe(t, m.tr, "topic", cfg)
	go func() {
		defer close(m.done)
		var hands sync.WaitGroup
		for msg := range ch {
			hands.Go(func() {
				for _, one := range mq.Run(msg) {
					l.begin(name, one)
					time.Sleep(rand.N(work + 1)) //nolint:gosec // work takes this or that long
					l.end(one)
				}
				msg.Ack()
			})
		}
		hands.Wait()
	}()
	return m
}

func (m *member) leave(t *testing.T) {
	t.Helper()
	require.NoError(t, m.tr.Close())
	<-m.done
}

// feeder publishes to all keys until it is stopped.
type feeder struct {
	stop, done chan struct{}
	published  map[string]bool
}

func feed(t *testing.T, tr mq.Transport, pause time.Duration) *feeder {
	t.Helper()
	f := &feeder{stop: make(chan struct{}), done: make(chan struct{}), published: map[string]bool{}}
	go func() {
		defer close(f.done)
		for n := 1; ; n++ {
			for k := range keys {
				select {
				case <-f.stop:
					return
				case <-time.After(pause):
				}
				m := numbered(fmt.Sprintf("key%d", k), n)
				if err := tr.Publisher().Publish("topic", m); err != nil {
					t.Errorf("publish %s: %v", m.UUID, err)
					return
				}
				f.published[m.UUID] = true
			}
		}
	}()
	return f
}

func (f *feeder) end() map[string]bool {
	close(f.stop)
	<-f.done
	return f.published
}

// membersComeAndGo changes the members of a group under load, each with a transport
// of its own: nothing is lost, a key keeps its order, and never has two owners.
func membersComeAndGo(t *testing.T, d Driver) {
	dir, l := t.TempDir(), newLedger()
	tr := d.Open(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	ensure(t, tr, "topic")
	cfg := mq.SubscriberConfig{Group: "g", Lanes: 8, Run: 4}
	enter := func(name string) *member { return join(t, d, dir, name, cfg, l, 4*time.Millisecond) }
	works := func(m *member) {
		before := l.share(m.name)
		require.Eventually(t, func() bool { return l.share(m.name) > before+20 }, patience, 5*time.Millisecond, "%s gets nothing to do", m.name)
	}
	f := feed(t, tr, 200*time.Microsecond)
	one := enter("one")
	works(one)
	two := enter("two")
	works(two)
	one.leave(t)
	works(two)
	three, four := enter("three"), enter("four")
	works(three)
	works(four)
	two.leave(t)
	three.leave(t)
	works(four)
	published := f.end()
	require.Eventually(t, func() bool { return l.count() >= len(published) }, patience, 5*time.Millisecond)
	four.leave(t)
	l.check(t)
	for id := range published {
		require.True(t, l.done[id], "%s was lost", id)
	}
	t.Logf("%d messages, %d of them again", len(published), l.again)
}

// membersShare has two members, both of which must get something to do.
func membersShare(t *testing.T, d Driver) {
	dir, l := t.TempDir(), newLedger()
	tr := d.Open(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	ensure(t, tr, "topic")
	cfg := mq.SubscriberConfig{Group: "g", Lanes: 8}
	one, two := join(t, d, dir, "one", cfg, l, 0), join(t, d, dir, "two", cfg, l, 0)
	f := feed(t, tr, 500*time.Microsecond)
	require.Eventually(t, func() bool {
		return l.share("one") > 100 && l.share("two") > 100
	}, patience, 5*time.Millisecond, "both work")
	published := f.end()
	require.Eventually(t, func() bool { return l.count() >= len(published) }, patience, 5*time.Millisecond)
	one.leave(t)
	two.leave(t)
	l.check(t)
}

// exactHandOver closes a member that works on one message at a time: another member goes on with the message
// behind the last acknowledged one, leaves none out and repeats none.
func exactHandOver(t *testing.T, d Driver) {
	dir, l := t.TempDir(), newLedger()
	tr := d.Open(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	ensure(t, tr, "topic")
	publishKeys(t, tr, "topic")
	cfg := mq.SubscriberConfig{Group: "g", Lanes: 1}
	for i := range 3 {
		before := l.count()
		m := join(t, d, dir, fmt.Sprint("member", i), cfg, l, time.Millisecond)
		require.Eventually(t, func() bool { return l.count() > before+50 }, patience, time.Millisecond)
		m.leave(t)
	}
	last := join(t, d, dir, "last", cfg, l, 0)
	require.Eventually(t, func() bool { return l.count() == keys*perKey }, patience, 5*time.Millisecond)
	last.leave(t)
	l.check(t)
	assert.Zero(t, l.again, "messages were done again")
}

// inFlightIsAlone has a member keep a message in flight while others take its place: they wait for its
// acknowledgement, and go on behind it.
func inFlightIsAlone(t *testing.T, d Driver) {
	dir := t.TempDir()
	tr := d.Open(t, dir)
	defer func() { require.NoError(t, tr.Close()) }()
	ensure(t, tr, "topic")
	cfg := mq.SubscriberConfig{Group: "g", Lanes: 1}
	first := d.Open(t, dir)
	ch, _ := subscribe(t, first, "topic", cfg)
	publish(t, tr, "topic", numbered("a", 1), numbered("a", 2))
	held := receive(t, ch)
	require.Equal(t, "a/1", held.UUID)

	second := d.Open(t, dir)
	defer func() { require.NoError(t, second.Close()) }()
	heirs, _ := subscribe(t, second, "topic", cfg)
	alone := func(when string) {
		t.Helper()
		select {
		case m := <-heirs:
			require.FailNow(t, "two work on one key", "%s: the other one got %s", when, m.UUID)
		case <-time.After(3 * time.Second): // time enough for a rebalance
		}
	}
	alone("after another member came")
	closed := make(chan error, 1)
	go func() { closed <- first.Close() }()
	alone("after this member was closed")
	held.Ack()
	require.NoError(t, <-closed)
	m := receive(t, heirs)
	assert.Equal(t, "a/2", m.UUID)
	m.Ack()
}
