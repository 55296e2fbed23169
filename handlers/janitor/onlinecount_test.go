package janitor

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
)

type crowd struct {
	mu    sync.Mutex
	users int64
	err   error
	asked int
}

func (c *crowd) CountOnline(context.Context, *pb.CountOnlineRequest) (*pb.CountOnlineResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return &pb.CountOnlineResponse{Users: c.users}, c.err
}

func (c *crowd) change(users int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users, c.err = users, err
}

// TestACountHoldsForAWhile: a count is shown over a gap of some seconds, so that a graph has none, and not when
// it is old.
func TestACountHoldsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		of, failed := &crowd{users: 7}, 0
		c, err := NewOnlineCount(of, time.Second, func(error) { failed++ })
		require.NoError(t, err)
		shows := func(after time.Duration, want int64, known bool, why string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			n, is := c.Users()
			assert.Equal(t, known, is, why)
			assert.Equal(t, want, n, why)
		}
		shows(0, 0, false, "nobody has counted")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		shows(time.Second, 0, false, "gateways have to come first")
		shows(countEvery, 7, true, "then it is counted")
		of.change(9, nil)
		shows(countEvery, 9, true, "and again")
		of.change(9, errors.New("away"))
		shows(countEvery, 9, true, "for a while the last count holds")
		shows(countHolds, 0, false, "an old one does not")
		of.change(9, nil)
		shows(countEvery, 9, true, "it is counted again")
		assert.Equal(t, 5, failed)
		assert.Equal(t, 8, of.asked)
		cancel()
		require.NoError(t, <-done)
		shows(0, 0, false, "another process counts")
	})
	_, err := NewOnlineCount(nil, 0, nil)
	require.Error(t, err)
}
