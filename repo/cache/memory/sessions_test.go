package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/cachetest"
	"github.com/gochat/gochat/repo/cache/memory"
)

func TestSessions(t *testing.T) {
	t.Parallel()
	cachetest.RunSessions(t, func(_ *testing.T, witness func() []string) cachetest.Open {
		at := cachetest.NewClock()
		s := memory.NewSessions(at.Now)
		if witness != nil {
			s.Witness(witness)
		}
		return cachetest.Open{
			Sessions: s, Other: s, Clock: at,
			Recount: func(*testing.T) { s.Recount() },
			Losses:  map[string]func(*testing.T, string){"its state ran out": func(*testing.T, string) { at.Move(13 * time.Second) }},
		}
	})
}

// TestSessionsThatNobodyRefreshesGo, and those of dead gateways with them.
func TestSessionsThatNobodyRefreshesGo(t *testing.T) {
	t.Parallel()
	at := cachetest.NewClock()
	s := memory.NewSessions(at.Now)
	put := func(user int64) {
		require.NoError(t, s.Put(t.Context(), []cache.Session{{UserID: user, ConnectionID: "c", GatewayID: "gw"}}))
	}
	beat := func() (at string) {
		for range 2 {
			heard, err := s.Beat(t.Context(), "gw", cache.Beat{Ready: true, PutAt: &at})
			require.NoError(t, err)
			at = heard.At
		}
		return at
	}
	beat()
	put(1)
	put(2)
	for range 3 {
		at.Move(10*time.Minute - time.Second)
		beat()
		put(2)
	}
	assert.Equal(t, map[string][]int64{"gw": {1, 2}}, s.Locate(t.Context(), []int64{1, 2}).Gateways)
	at.Move(10 * time.Minute)
	beat()
	assert.Equal(t, map[string][]int64{"gw": {2}}, s.Locate(t.Context(), []int64{1, 2}).Gateways)
	put(2)
	assert.Equal(t, 1, s.Users())
	at.Move(time.Hour)
	put(3)
	assert.Equal(t, 1, s.Users())
}

// TestAGatewayThatDoesNotSayWhatItHasPut has put nothing, and gets everything.
func TestAGatewayThatDoesNotSayWhatItHasPut(t *testing.T) {
	t.Parallel()
	s := memory.NewSessions(cachetest.NewClock().Now)
	for range 2 {
		heard, err := s.Beat(t.Context(), "old", cache.Beat{Ready: true})
		require.NoError(t, err)
		assert.True(t, heard.Fresh)
		assert.Equal(t, []string{"old"}, s.Locate(t.Context(), []int64{1}).Stale)
	}
}
