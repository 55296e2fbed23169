package retention_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/retention"
)

// shelf has messages and records whose retention is over. Tests read and change it only between synctest.Wait
// and their next sleep.
type shelf struct {
	mu               sync.Mutex
	messages, poison int64
	away             error
	asked            []*pb.ExpireMessagesRequest
	forgets          []*pb.ForgetRecordsRequest
	ended            []error
	expired          int64
	overdue          time.Duration
}

func (s *shelf) ExpireMessages(ctx context.Context, in *pb.ExpireMessagesRequest) (*pb.ExpireMessagesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, in)
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, errors.New("a call without an end")
	}
	if s.away != nil {
		return nil, s.away
	}
	n := min(s.messages, int64(in.GetLimit()))
	s.messages -= n
	return &pb.ExpireMessagesResponse{Messages: n, More: n == int64(in.GetLimit()), OverdueMs: 1000 * s.messages}, nil
}

func (s *shelf) ForgetRecords(_ context.Context, in *pb.ForgetRecordsRequest) (*pb.ForgetRecordsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgets = append(s.forgets, in)
	n := min(s.poison, int64(in.GetLimit()))
	s.poison -= n
	return &pb.ForgetRecordsResponse{Poison: n, More: n == int64(in.GetLimit())}, nil
}

func (s *shelf) Expired(messages int64, overdue time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired += messages
	s.overdue = max(s.overdue, overdue)
}

func (s *shelf) Forgot(int64, int64) {}

func (s *shelf) Ended(_ time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, err)
}

func (s *shelf) change(to func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to()
}

func config() retention.Config {
	c := retention.DefaultConfig()
	c.Single, c.Batch = 24*time.Hour, 10
	return c
}

// started runs a sweeper until the test ends, and waits for its first round, which leaves the store
// 10 s to come up.
func started(t *testing.T, s *shelf, cfg retention.Config) *retention.Sweeper {
	t.Helper()
	sweeper, err := retention.New(cfg, s, s)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- sweeper.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	synctest.Wait()
	s.change(func() { assert.Empty(t, s.asked) })
	time.Sleep(10 * time.Second)
	synctest.Wait()
	return sweeper
}

// TestRounds: a round goes on in batches until nothing is due, and the next one begins after the
// interval.
func TestRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{messages: 25}
		started(t, s, config())
		time.Sleep(time.Second)
		synctest.Wait()
		assert.EqualValues(t, 25, s.expired)
		assert.Equal(t, 15*time.Second, s.overdue)
		require.Len(t, s.asked, 3)
		assert.EqualValues(t, 10, s.asked[0].GetLimit())
		assert.Equal(t, (24 * time.Hour).Milliseconds(), s.asked[0].GetSingleMs())
		assert.Zero(t, s.asked[0].GetGroupMs())
		assert.Empty(t, s.forgets, "nothing says that records go")
		s.change(func() { s.messages = 1 })
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 26, s.expired)
		assert.Equal(t, []error{nil, nil}, s.ended)
	})
}

// TestRecordsGoByTheirTime: each kind of record has a time of its own, or is kept for ever.
func TestRecordsGoByTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, cfg := &shelf{poison: 15}, config()
		cfg.Poison = time.Hour
		started(t, s, cfg)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, s.forgets, 2)
		assert.Zero(t, s.poison)
		assert.InDelta(t, time.Now().Add(-time.Hour).UnixMilli(), s.forgets[0].GetPoisonBefore(), 2000)
		assert.Zero(t, s.forgets[0].GetWebhookAttemptsBefore())
	})
}

// TestFailedRounds: a store that is away is asked again after the interval.
func TestFailedRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{messages: 5, away: errors.New("away")}
		started(t, s, config())
		require.Len(t, s.ended, 1)
		require.ErrorIs(t, s.ended[0], s.away)
		s.change(func() { s.away = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Zero(t, s.messages)
		require.NoError(t, s.ended[1])
	})
}

// TestRecordsGoWhileMessagesCannot: a store that fails to expire messages does not keep records from being
// deleted.
func TestRecordsGoWhileMessagesCannot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, cfg := &shelf{poison: 5, away: errors.New("away")}, config()
		cfg.Poison = time.Hour
		started(t, s, cfg)
		assert.Zero(t, s.poison)
		require.Len(t, s.ended, 1)
		require.ErrorIs(t, s.ended[0], s.away)
	})
}

// TestConfigure: another configuration holds at once, the same one changes nothing, and one that
// makes no sense is refused.
func TestConfigure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		sweeper := started(t, s, config())
		cfg := config()
		require.NoError(t, sweeper.Configure(cfg))
		synctest.Wait()
		require.Len(t, s.asked, 1)
		cfg.World = time.Hour
		require.NoError(t, sweeper.Configure(cfg))
		synctest.Wait()
		require.Len(t, s.asked, 2)
		assert.Equal(t, time.Hour.Milliseconds(), s.asked[1].GetWorldMs())
		cfg.World = time.Millisecond
		require.ErrorContains(t, sweeper.Configure(cfg), "retention.world")
		for _, bad := range []func(*retention.Config){
			func(c *retention.Config) { c.Single = -1 }, func(c *retention.Config) { c.Poison = 1 },
			func(c *retention.Config) { c.Batch = 0 }, func(c *retention.Config) { c.Batch = retention.MaxBatch + 1 },
			func(c *retention.Config) { c.Interval = 0 }, func(c *retention.Config) { c.Pause = -1 }, func(c *retention.Config) { c.Timeout = 0 },
		} {
			c := config()
			bad(&c)
			require.ErrorContains(t, c.Validate(), "retention")
		}
	})
	_, err := retention.New(config(), nil, nil)
	require.Error(t, err)
}
