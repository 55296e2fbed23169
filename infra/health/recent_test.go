package health_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/health"
)

// TestRecentAsksOnce: callers within a second share the answers, later ones make the dependencies be asked
// again, and Refresh always does.
func TestRecentAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		checks := health.New(time.Minute)
		checks.Add("database", func(context.Context) error { asked.Add(1); time.Sleep(100 * time.Millisecond); return nil })
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { assert.Contains(t, checks.Recent(t.Context()), "database") })
		}
		all.Wait()
		checks.Recent(t.Context())
		assert.EqualValues(t, 1, asked.Load())
		time.Sleep(health.Fresh)
		checks.Recent(t.Context())
		assert.EqualValues(t, 2, asked.Load())
		checks.Refresh(t.Context())
		assert.EqualValues(t, 3, asked.Load())
	})
}

// TestAnAskerWhoGoesTakesNothingAlong: the answer goes to all callers, even when the first one gives up.
func TestAnAskerWhoGoesTakesNothingAlong(t *testing.T) {
	checks := health.New(time.Minute)
	checks.Add("database", func(ctx context.Context) error { return ctx.Err() })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	checks.Recent(gone)
	require.NoError(t, checks.Recent(t.Context())["database"])
}

// TestOwnWordIsNeverOld: checks of the process itself are called each time.
func TestOwnWordIsNeverOld(t *testing.T) {
	checks := health.New(time.Minute)
	var leaving atomic.Bool
	stopping := errors.New("stopping")
	checks.AddOwn("start", func(context.Context) error {
		if leaving.Load() {
			return stopping
		}
		return nil
	})
	require.NoError(t, checks.Recent(t.Context())["start"])
	leaving.Store(true)
	require.ErrorIs(t, checks.Recent(t.Context())["start"], stopping)
	require.ErrorIs(t, checks.Run(t.Context())["start"], stopping)
	assert.Equal(t, "down", checks.Standings(t.Context())[0].State)
}

// TestStandingsTellSinceWhen: the time is that of the change, not of the last question.
func TestStandingsTellSinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		var told []string
		checks := health.New(time.Minute)
		checks.OnRound(func(answers map[string]error, _ time.Time) { told = append(told, health.Summarize(answers).Status) })
		checks.Add("queue", func(context.Context) error { return nil })
		checks.AddSoft("cache", func(context.Context) error {
			if away.Load() {
				return errors.New("away")
			}
			return nil
		})
		begin := time.Now()
		want := func(state string, since time.Time) {
			t.Helper()
			assert.Equal(t, []health.Standing{{Name: "cache", State: state, Since: since}, {Name: "queue", State: "ok", Since: begin}},
				checks.Standings(t.Context()))
		}
		want("ok", begin)
		time.Sleep(time.Minute)
		want("ok", begin)
		away.Store(true)
		time.Sleep(time.Second)
		turned := time.Now()
		want("degraded", turned)
		time.Sleep(time.Minute)
		want("degraded", turned)
		assert.Equal(t, []string{"ok", "ok", "degraded", "degraded"}, told)
	})
}

func TestOneDependency(t *testing.T) {
	away := errors.New("away")
	checks := health.New(time.Minute)
	checks.Add("queue", func(context.Context) error { return away })
	checks.AddOwn("start", func(context.Context) error { return nil })
	checks.AddGroup(func(context.Context) map[string]error { return map[string]error{"database": away} })
	for name, want := range map[string]struct {
		known bool
		err   error
	}{"queue": {true, away}, "start": {true, nil}, "database": {true, away}, "nothing": {false, nil}} {
		known, err := checks.One(t.Context(), name)
		assert.Equal(t, want.known, known, name)
		assert.Equal(t, want.err, err, name)
	}
}

// TestAskersForOneShareTheQuestion: however many callers there are, a dependency is asked once at a time.
func TestAskersForOneShareTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := health.New(time.Minute)
		var asked atomic.Int32
		c.Add("database", func(context.Context) error {
			asked.Add(1)
			time.Sleep(time.Second)
			return errors.New("away")
		})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				known, err := c.One(t.Context(), "database")
				assert.True(t, known)
				assert.Error(t, err)
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, asked.Load())
	})
}

// TestPulse: a process whose lock is held for ever does not get on, and one whose lock is free does.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := health.NewPulse(time.Second, 5*time.Second)
		lock := make(chan struct{}, 1) // a mutex by which the test's clock goes on
		p.Touches(func() { lock <- struct{}{}; <-lock })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		time.Sleep(time.Hour)
		require.NoError(t, p.Alive())
		synctest.Wait()
		lock <- struct{}{}
		time.Sleep(7 * time.Second)
		require.ErrorIs(t, p.Alive(), health.ErrNoPulse)
		<-lock
		time.Sleep(2 * time.Second)
		require.NoError(t, p.Alive())
		cancel()
		require.NoError(t, <-done)
	})
}
