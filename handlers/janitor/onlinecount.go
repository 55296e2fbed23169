package janitor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Counter knows how many users are online.
type Counter interface {
	CountOnline(ctx context.Context, in *pb.CountOnlineRequest) (*pb.CountOnlineResponse, error)
}

const (
	// countEvery is between two counts.
	countEvery = 15 * time.Second
	// countHolds is for how long a count is shown when none comes after it.
	countHolds = time.Minute
)

// OnlineCount counts who is online, again and again. One goroutine calls Run; Users is safe for concurrent use.
type OnlineCount struct {
	of      Counter
	timeout time.Duration
	report  func(error)
	last    atomic.Pointer[count]
}

type count struct {
	users int64
	at    time.Time
}

// NewOnlineCount returns a count that has not begun; report is told of every failed count.
func NewOnlineCount(of Counter, timeout time.Duration, report func(error)) (*OnlineCount, error) {
	if of == nil || timeout <= 0 || report == nil {
		return nil, errors.New("configure the count of users online: a dependency is missing")
	}
	return &OnlineCount{of: of, timeout: timeout, report: report}, nil
}

// Run counts every 15 s until ctx is done. The first count comes after 15 s: when all processes start together,
// no gateway is there yet. After Run there is no count any longer, since another process counts.
func (c *OnlineCount) Run(ctx context.Context) error {
	defer c.last.Store(nil)
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if err := c.count(ctx); err != nil && ctx.Err() == nil {
			c.report(err)
		}
	}
}

func (c *OnlineCount) count(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.of.CountOnline(ctx, &pb.CountOnlineRequest{})
	if err != nil {
		return fmt.Errorf("count who is online: %w", err)
	}
	c.last.Store(&count{resp.GetUsers(), time.Now()})
	return nil
}

// Users returns how many users were online at the last count. known is false unless Run runs and has counted
// within the last minute.
func (c *OnlineCount) Users() (n int64, known bool) {
	last := c.last.Load()
	if last == nil || time.Since(last.at) > countHolds {
		return 0, false
	}
	return last.users, true
}
