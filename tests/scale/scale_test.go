// Package scale_test counts what messages and connected users cost the servers beside different numbers of
// gateways and sessions, and fails where a cost grows with them. The gateways and the sockets are virtual; what
// they talk to is the program's own code on a real Redis, a real Kafka and a real database. What the counts mean
// for millions of users is in docs/capacity.md.
package scale_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Kafka's client has a goroutine for its figures that never ends.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// How large the systems are that are compared. Who talks is on the first gateways of each, so that a message
// goes to as many of them.
const (
	fewGateways, manyGateways = 5, 50
	fewSessions, manySessions = 1000, 10_000
	groupMembers              = 50
	times                     = 20
)

// costs are what is compared, by what it is for.
type costs map[string]cost

// chats are the conversations of which messages are counted.
type chats struct {
	single, group, world *chat
	people               []int64
}

func (s *system) chats(t *testing.T, members, gateways int) chats {
	t.Helper()
	users := s.people(t, members, gateways)
	return chats{single: s.single(t, users[0], users[1]), group: s.group(t, users), world: s.world(users[0]), people: users}
}

// all measures everything that must not depend on how large the system is.
func (c chats) all(t *testing.T, n int) costs {
	t.Helper()
	f := c.single.s.fleet
	f.settle(t)
	out := costs{
		"a message of two":       c.single.message(t, n),
		"a message of a group":   c.group.message(t, n),
		"a session that is kept": f.refresh(t, n),
		"a token that is asked":  f.recheck(t, c.people, n),
		"a device that is noted": f.note(t, c.people[:1], n),
		"a user who is watched":  f.watch(t, n),
		"a watched user's visit": f.visit(t, n),
		"a right to send":        f.lease(t, n),
		"a beat of a gateway":    f.beats(t, n),
		"a look at the gateways": f.looks(t),
	}
	out["a delivery that is told"], out["a reading that is told"] = c.single.received(t, c.people[1], n)
	return out
}

// TestCostsDoNotGrow looks at one system that becomes larger.
func TestCostsDoNotGrow(t *testing.T) {
	s := newSystem(t)
	s.fleet.grow(t, fewGateways, fewGateways)
	talk := s.chats(t, groupMembers, fewGateways)
	s.fleet.crowd(t, fewSessions)
	small, world := talk.all(t, times), talk.world.message(t, times)
	own, listed := s.fleet.sessionBytes(t)

	t.Run("with the gateways", func(t *testing.T) {
		s.fleet.grow(t, manyGateways, manyGateways)
		talk.unchanged(t, small)
	})
	t.Run("with the gateways, for the world, but for one record to each", func(t *testing.T) {
		is := talk.world.message(t, times)
		assert.InDelta(t, fewGateways+1, world.records, 0, "one for each gateway, and the stored event")
		assert.InDelta(t, manyGateways+1, is.records, 0, "one for each gateway, and the stored event")
		assert.LessOrEqual(t, is.recordBytes/is.records, growth*world.recordBytes/world.records)
		is.records, is.recordBytes = world.records, world.recordBytes
		unchanged(t, "a message of the world", world, is)
	})
	t.Run("with the sessions", func(t *testing.T) {
		s.fleet.crowd(t, manySessions)
		talk.unchanged(t, small)
		ownNow, listedNow := s.fleet.sessionBytes(t)
		assert.LessOrEqual(t, ownNow+listedNow, growth*(own+listed), "bytes of a session in Redis")
	})
}

// unchanged fails where something costs more than in a smaller system.
func (c chats) unchanged(t *testing.T, small costs) {
	t.Helper()
	for what, is := range c.all(t, times) {
		unchanged(t, what, small[what], is)
	}
}
