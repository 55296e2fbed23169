package breaker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/breaker"
)

var errRefused = errors.New("the service refuses")

// service is one that answers, refuses, or does not answer.
type service struct {
	away, refuses atomic.Bool
	calls, probes atomic.Int64
}

func (s *service) answer(ctx context.Context) error {
	if s.away.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.refuses.Load() {
		return errRefused
	}
	return nil
}

func (s *service) call(ctx context.Context) error {
	s.calls.Add(1)
	return s.answer(ctx)
}

func (s *service) breaker() *breaker.Breaker {
	return breaker.New(breaker.Config{
		Timeout: 100 * time.Millisecond, Pause: time.Second,
		Probe:    func(ctx context.Context) error { s.probes.Add(1); return s.answer(ctx) },
		Answered: func(err error) bool { return errors.Is(err, errRefused) },
	})
}

// TestOneCallWaits: after a call without an answer nobody waits, and a probe in the background finds out when
// the service is back.
func TestOneCallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		b := s.breaker()
		defer b.Close()
		expect := func(want error, took time.Duration, calls, probes int) {
			t.Helper()
			begin := time.Now()
			require.ErrorIs(t, b.Do(t.Context(), s.call), want)
			assert.Equal(t, took, time.Since(begin), "the time that the caller waited")
			synctest.Wait()
			assert.EqualValues(t, calls, s.calls.Load(), "calls")
			assert.EqualValues(t, probes, s.probes.Load(), "probes")
		}
		expect(nil, 0, 1, 0)
		s.refuses.Store(true)
		expect(errRefused, 0, 2, 0)
		expect(errRefused, 0, 3, 0) // a refusal is an answer
		s.away.Store(true)
		expect(context.DeadlineExceeded, 100*time.Millisecond, 4, 0)
		expect(breaker.ErrOpen, 0, 4, 0)
		time.Sleep(time.Second)
		expect(breaker.ErrOpen, 0, 4, 1)
		expect(breaker.ErrOpen, 0, 4, 1) // one probe at a time
		time.Sleep(100 * time.Millisecond)
		expect(breaker.ErrOpen, 0, 4, 1) // the probe was not answered: another pause
		s.away.Store(false)
		time.Sleep(time.Second)
		expect(breaker.ErrOpen, 0, 4, 2) // whoever starts the probe does not wait for it
		expect(errRefused, 0, 5, 2)
		b.SetTimeout(10 * time.Millisecond)
		s.away.Store(true)
		expect(context.DeadlineExceeded, 10*time.Millisecond, 6, 2)
	})
}

// TestACallerThatGivesUp says nothing of the service.
func TestACallerThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		b := s.breaker()
		defer b.Close()
		s.away.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, b.Do(ctx, s.call), context.DeadlineExceeded)
		s.away.Store(false)
		require.NoError(t, b.Do(t.Context(), s.call))
	})
}

// TestCloseEndsTheProbe: nothing runs after Close, and no other probe begins.
func TestCloseEndsTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		b := s.breaker()
		s.away.Store(true)
		require.Error(t, b.Do(t.Context(), s.call))
		time.Sleep(time.Second)
		require.ErrorIs(t, b.Do(t.Context(), s.call), breaker.ErrOpen)
		synctest.Wait()
		begin := time.Now()
		b.Close()
		assert.Zero(t, time.Since(begin), "it does not wait for the probe's timeout")
		time.Sleep(time.Second)
		require.ErrorIs(t, b.Do(t.Context(), s.call), breaker.ErrOpen)
		assert.EqualValues(t, 1, s.probes.Load())
	})
}
