package cachetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
)

// Clock is a time that a test moves.
type Clock struct{ ms atomic.Int64 }

// NewClock returns a clock that stands still.
func NewClock() *Clock {
	c := &Clock{}
	c.ms.Store(1_800_000_000_000)
	return c
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.ms.Load()) }

// Move lets time go by.
func (c *Clock) Move(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// Open is an empty session registry of one test, and what the test needs besides the contract.
type Open struct {
	cache.Sessions

	// Other is the same registry as another process sees it, or, for a driver of one process, the
	// registry itself.
	Other cache.Sessions
	// Clock is the clock of both.
	Clock *Clock
	// Recount drops the stored count, so that CountOnline counts anew.
	Recount func(t *testing.T)
	// Losses are ways to lose what is known of one gateway.
	Losses map[string]func(t *testing.T, gateway string)
	// Lose loses everything; nil where the process would be lost with it.
	Lose func(t *testing.T)

	// told has for each gateway the Heard.At of its last beat.
	told *sync.Map
}

// RunSessions runs every test on registries of its own. A witness that is not nil is asked which
// gateways live.
func RunSessions(t *testing.T, open func(t *testing.T, witness func() []string) Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"the same beat twice":                        theSameBeatTwice,
		"gateways go away":                           gatewaysGoAway,
		"a late removal takes no newer session":      lateRemovals,
		"sessions are put again":                     sessionsArePutAgain,
		"dead gateways leave nothing":                deadGatewaysLeaveNothing,
		"crowds":                                     crowds,
		"a loss loses no recipient":                  lossesLoseNobody,
		"who is online":                              whoIsOnline,
		"who is online over a loss":                  whoIsOnlineOverALoss,
		"who is online on a gateway that is not yet": whoIsOnlineWhileJoining,
		"users online are counted":                   usersAreCounted,
		"no count while sessions are missing":        noCountWhileMissing,
		"watchers are named":                         watchersAreNamed,
		"the dead are named":                         theDeadAreNamed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, nil)
			s.told = &sync.Map{}
			test(t, s)
		})
	}
	t.Run("a witness", func(t *testing.T) {
		t.Parallel()
		witnessed(t, open)
	})
}

// beat is the beat of a gateway that has put all its sessions since its last beat.
func (s Open) beat(t *testing.T, gateway string, ready bool) (fresh bool) {
	t.Helper()
	last, _ := s.told.LoadOrStore(gateway, "")
	at, _ := last.(string)
	heard, err := s.Beat(t.Context(), gateway, cache.Beat{Ready: ready, PutAt: &at, Announces: true})
	require.NoError(t, err)
	s.told.Store(gateway, heard.At)
	return heard.Fresh
}

func (s Open) put(t *testing.T, gateway string, user int64) cache.Session {
	t.Helper()
	one := cache.Session{UserID: user, ConnectionID: gateway + "-c", GatewayID: gateway, DeviceID: "d|e", LoginAt: 1}
	require.NoError(t, s.Put(t.Context(), []cache.Session{one}))
	return one
}

// join brings a gateway with one user into the registry, as gateways do.
func (s Open) join(t *testing.T, gateway string, user int64) cache.Session {
	t.Helper()
	require.True(t, s.beat(t, gateway, true))
	one := s.put(t, gateway, user)
	require.False(t, s.beat(t, gateway, true))
	return one
}

func precisely(gateway string, users ...int64) map[string][]int64 {
	return map[string][]int64{gateway: users}
}

// theSameBeatTwice: an answer that is lost costs nothing, since the same beat has the same answer
// again. A gateway whose sessions may be lost is told so until it says that it has put them
// after that.
func theSameBeatTwice(t *testing.T, s Open) {
	const gateway = "gw"
	twice := func(ready bool, putAt string) (heard cache.Heard) {
		t.Helper()
		for range 2 {
			again, err := s.Beat(t.Context(), gateway, cache.Beat{Ready: ready, PutAt: &putAt})
			require.NoError(t, err)
			if heard.At != "" {
				require.Equal(t, heard, again)
			}
			heard = again
		}
		return heard
	}
	ready := func() bool {
		t.Helper()
		found := s.Locate(t.Context(), []int64{1})
		if slices.Contains(found.Stale, gateway) {
			return false
		}
		require.Contains(t, s.Live(t.Context()), gateway)
		return true
	}
	first := twice(true, "")
	assert.True(t, first.Fresh, "it was not known")
	assert.False(t, ready())
	assert.False(t, twice(true, first.At).Fresh)
	assert.True(t, ready())
	assert.False(t, twice(false, first.At).Fresh)
	assert.False(t, ready(), "it says so itself")

	losses := map[string]func(*testing.T, string){
		"it left": func(t *testing.T, gateway string) { require.NoError(t, s.Leave(t.Context(), gateway)) },
	}
	for name, lose := range s.Losses {
		losses[name] = lose
	}
	for name, lose := range losses {
		before := twice(true, "").At
		require.False(t, twice(true, before).Fresh)
		lose(t, gateway)
		for range 2 {
			assert.True(t, twice(false, before).Fresh, name)
			assert.True(t, twice(true, before).Fresh, name)
			assert.False(t, ready(), name)
		}
		after := twice(true, before).At
		assert.False(t, twice(true, after).Fresh, name)
		assert.True(t, ready(), name)
	}
}

func lateRemovals(t *testing.T, s Open) {
	one := s.join(t, "a", 1)
	older := one
	older.LoginAt--
	require.NoError(t, s.Remove(t.Context(), older))
	assert.Equal(t, precisely("a", 1), s.Locate(t.Context(), []int64{1}).Gateways)
	require.NoError(t, s.Remove(t.Context(), one))
	assert.Empty(t, s.Locate(t.Context(), []int64{1}).Gateways)
}

// sessionsArePutAgain: putting a session twice registers it once, and a user is found once on each
// gateway.
func sessionsArePutAgain(t *testing.T, s Open) {
	one := s.join(t, "a", 1)
	second, elsewhere := one, s.join(t, "b", 1)
	second.ConnectionID, second.DeviceID = "another", ""
	require.NoError(t, s.Put(t.Context(), []cache.Session{one, second, one}))
	assert.Equal(t, map[string][]int64{"a": {1}, "b": {1}}, s.Locate(t.Context(), []int64{1}).Gateways)
	there, partial, err := s.Present(t.Context(), []int64{1})
	require.NoError(t, err)
	assert.False(t, partial)
	assert.ElementsMatch(t, []string{"d|e", "", "d|e"}, there[1])
	nobody := one
	nobody.UserID = 2
	require.NoError(t, s.Remove(t.Context(), one, nobody, elsewhere))
	found, err := s.Registered(t.Context(), []cache.Session{one, second, elsewhere, nobody})
	require.NoError(t, err)
	assert.Equal(t, []bool{false, true, false, false}, found)
}

// deadGatewaysLeaveNothing: a user who is always connected keeps no entry of each gateway that
// there ever was; whoever lives keeps everything.
func deadGatewaysLeaveNothing(t *testing.T, s Open) {
	const user = 7
	var all []cache.Session
	put := func(gateway, connection string) {
		t.Helper()
		one := cache.Session{UserID: user, ConnectionID: connection, GatewayID: gateway, LoginAt: 1, DeviceID: "p|q"}
		require.NoError(t, s.Put(t.Context(), []cache.Session{one}))
		all = append(all, one)
	}
	entries := func() (out []string) {
		found, err := s.Registered(t.Context(), all)
		require.NoError(t, err)
		for i, there := range found {
			if there {
				out = append(out, all[i].ConnectionID)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	s.beat(t, "lives", true)
	s.beat(t, "other", true)
	for i := range 100 {
		put(fmt.Sprint("dead", i), fmt.Sprint("c", i))
	}
	put("lives", "mine")
	put("other", "theirs")
	require.Len(t, entries(), 102, "who is unknown for a moment may have been forgotten")
	s.Clock.Move(time.Minute)
	s.beat(t, "lives", true)
	s.beat(t, "other", true)
	put("lives", "mine")
	assert.Equal(t, []string{"mine", "theirs"}, entries())

	put("back", "again")
	put("lives", "mine")
	s.Clock.Move(time.Minute)
	for _, gateway := range []string{"lives", "other", "back"} {
		s.beat(t, gateway, true)
	}
	put("lives", "mine")
	assert.Equal(t, []string{"again", "mine", "theirs"}, entries(), "it lives after all")
}
