package gateway

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

// announcedOnly lets ticks and beats come fast. A tick asks for nobody who is known and whose changes are announced, so
// that what a test sees was announced.
func announcedOnly(c *Config, _ *Deps) {
	c.PresenceInterval, c.BeatInterval = 5*time.Millisecond, 5*time.Millisecond
}

// TestAnnouncedPresence: a gateway asks once for each user whom its sockets watch, and then when it is told of a change.
func TestAnnouncedPresence(t *testing.T) {
	h := start(t, announcedOnly)
	p := h.personal
	p.with(func() { p.watched, p.online[8], p.seen[9] = true, true, 900 })
	c := h.dial("7:a", "")
	c.write(`{"type":"presence-subscribe","data":{"userIds":["8","9"]}}`)
	require.Equal(t, map[string]string{"8": "online", "9": "900"}, c.presences(2))
	h.eventually(func() (asked bool) { p.with(func() { asked = len(p.asked) == 2 }); return asked }, "it becomes a watcher of both")

	p.with(func() { p.online[8], p.online[9], p.seen[8] = false, true, 100 })
	h.deliver(&pb.Delivery{PresenceChanges: []*pb.PresenceChange{{UserId: 8, LastSeenAt: 500}, {UserId: 9}, {UserId: 10}}})
	require.Equal(t, map[string]string{"8": "500", "9": "online"}, c.presences(2), "later than the store has heard of")
	p.with(func() {
		assert.ElementsMatch(t, []int64{8, 9}, p.asked, "nobody watches 10")
		p.rounds = 0
	})
	h.deliver(&pb.Delivery{PresenceChanges: []*pb.PresenceChange{{UserId: 10}}})
	require.Empty(t, c.barrier())
	require.Zero(t, p.rounds)

	for _, upset := range []struct {
		name string
		do   func()
	}{
		{"a gateway has died", func() { h.sessions.dead = []string{"b"} }},
		{"it is back", func() { h.sessions.dead = nil }},
		{"the registry was lost", func() { h.sessions.lives++ }},
		{"a gateway announces nothing", func() { h.sessions.mute = true }},
	} {
		t.Log(upset.name)
		p.with(func() { p.online[9] = !p.online[9] })
		h.sessions.mu.Lock()
		upset.do()
		h.sessions.mu.Unlock()
		c.presences(1)
	}
}

// TestUnknownPresenceIsAskedForAgain although the gateway is a watcher: nobody announces what the registry has lost.
func TestUnknownPresenceIsAskedForAgain(t *testing.T) {
	h := start(t, quick)
	p := h.personal
	p.with(func() { p.watched, p.partial = true, true })
	c := h.dial("7:a", "")
	c.write(`{"type":"presence-subscribe","data":{"userIds":["8"]}}`)
	require.Empty(t, c.barrier())
	p.with(func() { p.partial = false })
	require.Equal(t, map[string]string{"8": "0"}, c.presences(1))
}

// TestSubscribingAgainAsksNobody: a client that subscribes to the same users again and again costs the registry no more
// than the call that answers the client, until a change is announced.
func TestSubscribingAgainAsksNobody(t *testing.T) {
	h := start(t)
	w := newWatch(h.gw) // which nobody runs
	c := &conn{g: h.gw, user: 7}
	c.q.writing = true // nothing is written
	subscribe := func(p *pb.Presence) (asked []int64) {
		w.drop(c)
		w.subscribe(c, []*pb.Presence{p})
		return w.take()
	}
	known, unknown := &pb.Presence{UserId: 8, Online: true}, &pb.Presence{UserId: 8, Unknown: true}
	require.Equal(t, []int64{8}, subscribe(known))
	require.Empty(t, subscribe(known))
	require.Equal(t, []int64{8}, subscribe(unknown), "what the call did not tell")

	for name, change := range map[string]func(){
		"a change while nobody watches": func() { w.drop(c); w.changed([]*pb.PresenceChange{{UserId: 8}}) },
		"the registry was lost":         func() { w.askAll(); w.tick(0) },
		"the question failed":           func() { w.postpone([]int64{8}) },
		"time":                          func() { w.tick(recentFor); w.tick(recentFor); w.take() },
	} {
		w.drop(c)
		change()
		require.Equal(t, []int64{8}, subscribe(known), name)
		require.Empty(t, subscribe(known), name)
	}
}

// otherGateway takes what is published to another gateway's topic.
type otherGateway struct {
	mu   sync.Mutex
	fail error
	got  map[string]map[int64]int64 // by topic
}

func (o *otherGateway) take(t *testing.T) func(string, []*message.Message) error {
	return func(topic string, msgs []*message.Message) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.fail != nil {
			return o.fail
		}
		for _, m := range msgs {
			assert.Equal(t, strings.TrimPrefix(topic, contracts.TopicDownstream("")), m.Metadata[mq.KeyMetadata])
			for _, d := range decode(t, m.Payload).GetDeliveries() {
				for _, change := range d.GetPresenceChanges() {
					if o.got[topic] == nil {
						o.got[topic] = map[int64]int64{}
					}
					o.got[topic][change.GetUserId()] = change.GetLastSeenAt()
				}
			}
		}
		return nil
	}
}

func (o *otherGateway) heard(gateway string, user int64) (at int64, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, known = o.got[contracts.TopicDownstream(gateway)][user]
	return at, known
}

func (o *otherGateway) set(fail error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail, o.got = fail, map[string]map[int64]int64{}
}

// TestChangesAreAnnounced to the gateways that watch a user, with the time at which the user left.
func TestChangesAreAnnounced(t *testing.T) {
	h := start(t, announcedOnly)
	p, o := h.personal, &otherGateway{}
	o.set(nil)
	h.queue.elsewhere = o.take(t)
	h.sessions.watchers = map[int64][]string{8: {"other-1", "other-2", h.gw.ID()}}
	p.with(func() { p.watched = true })
	c := h.dial("7:a", "")
	c.write(`{"type":"presence-subscribe","data":{"userIds":["8"]}}`)
	require.Equal(t, map[string]string{"8": "0"}, c.presences(1))

	before := time.Now().UnixMilli()
	d := h.dial("8:a", "")
	require.Equal(t, map[string]string{"8": "online"}, c.presences(1), "its own sockets hear of it as well")
	for _, gateway := range []string{"other-1", "other-2"} {
		h.eventually(func() bool { at, known := o.heard(gateway, 8); return known && at == 0 }, gateway)
	}
	o.set(errors.New("the queue is away"))
	require.NoError(t, d.Close())
	require.NotEqual(t, "online", c.presences(1)["8"], "which does not keep them from it")
	o.set(nil)
	for _, gateway := range []string{"other-1", "other-2"} {
		h.eventually(func() bool { at, known := o.heard(gateway, 8); return known && at >= before }, gateway+" hears of it later")
	}

	h.dial("8:b", "")
	require.Equal(t, map[string]string{"8": "online"}, c.presences(1))
	h.eventually(func() bool { at, _ := o.heard("other-1", 8); return at == 0 }, "online")
	h.stop()
	require.NoError(t, <-h.done)
	at, _ := o.heard("other-1", 8)
	require.NotZero(t, at, "a gateway that stops announces that its users have left")
	require.Zero(t, h.sessions.count())
}

// TestAnnouncementsAreBounded: one change a user and gateway waits, no more than announceEach for one gateway, and no
// more than announceMost in all.
func TestAnnouncementsAreBounded(t *testing.T) {
	h := start(t)
	h.queue.elsewhere = (&otherGateway{got: map[string]map[int64]int64{}}).take(t)
	a := newAnnouncer(h.gw)
	for range announceAtOnce { // nobody may publish
		a.places <- struct{}{}
	}
	a.add([]*pb.Watched{{UserId: 1, GatewayIds: []string{"other-0"}}}, nil)
	h.eventually(func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.held == 0 }, "the first change is about to be published")
	for range 3 {
		a.add([]*pb.Watched{{UserId: 1, GatewayIds: []string{"other-0"}}}, map[int64]int64{1: 5})
	}
	a.add([]*pb.Watched{{UserId: 1, GatewayIds: []string{"other-0"}}}, nil)
	require.Equal(t, 1, a.held)
	require.EqualValues(t, 5, a.to["other-0"][1], "it was gone in between")
	for user := range int64(announceEach + 2) {
		a.add([]*pb.Watched{{UserId: user, GatewayIds: []string{"other-0"}}}, nil)
	}
	require.Equal(t, announceEach, a.held)
	require.Equal(t, 2, a.lost)
	for gateway := range 2 * announceMost / announceEach {
		for user := range int64(announceEach) {
			a.add([]*pb.Watched{{UserId: user, GatewayIds: []string{fmt.Sprint("other-", gateway)}}}, nil)
		}
	}
	a.mu.Lock()
	require.LessOrEqual(t, a.held, announceMost)
	a.mu.Unlock()
	for range announceAtOnce {
		<-a.places
	}
	close(a.quit)
	a.run()
	require.Empty(t, a.to)
	require.Zero(t, a.held)
}

func TestRounds(t *testing.T) {
	var r rounds
	for user := range int64(2 * roundParts) {
		r.add(user)
	}
	r.remove(3)
	step := watchRound / (2 * roundParts)
	seen := map[int64]int{}
	for range 2 * roundParts {
		out := map[int64]struct{}{}
		r.next(step, out)
		require.LessOrEqual(t, len(out), 2)
		for user := range out {
			seen[user]++
		}
	}
	require.Len(t, seen, 2*roundParts-1)
	for user, n := range seen {
		require.Equal(t, 1, n, user)
	}
	all := map[int64]struct{}{}
	r.next(10*watchRound, all)
	require.Len(t, all, 2*roundParts-1, "each once, however long the last call is ago")

	hurried := map[int64]struct{}{}
	r.some(10, hurried)
	require.Empty(t, hurried)
	r.hurry()
	r.some(10, hurried)
	require.Len(t, hurried, 10)
	r.some(1000, hurried)
	require.Len(t, hurried, 2*roundParts-1)
	require.Zero(t, r.hurried)
}
