package gateway

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// EpochSource returns the store's epoch, which hello tells the client.
type EpochSource interface {
	GetEpoch(ctx context.Context, in *pb.GetEpochRequest, opts ...grpc.CallOption) (*pb.GetEpochResponse, error)
}

const (
	// epochFor is how long a fetched epoch is used, so that a reconnect storm makes few calls. A client that was told an
	// outdated epoch learns the new one with its next sync.
	epochFor = time.Second
	// epochTimeout bounds how long hello waits for the epoch.
	epochTimeout = 500 * time.Millisecond
)

// epochs asks for the store's epoch, once for all sockets that open together. Safe for
// concurrent use.
type epochs struct {
	source  EpochSource
	flights singleflight.Group

	mu    sync.Mutex
	last  string
	asked time.Time
}

// get returns the store's epoch. While the store does not answer, get returns the last known epoch, or "" when there is
// none: hello goes out without it.
func (e *epochs) get(ctx context.Context) string {
	if last, fresh := e.known(); fresh {
		return last
	}
	_, _, _ = e.flights.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), epochTimeout)
		defer cancel()
		resp, err := e.source.GetEpoch(ctx, &pb.GetEpochRequest{})
		e.mu.Lock()
		defer e.mu.Unlock()
		e.asked = time.Now() // also after a failure, so that not every socket asks again
		if err == nil {
			e.last = resp.GetEpoch()
		}
		return nil, nil
	})
	last, _ := e.known()
	return last
}

func (e *epochs) known() (last string, fresh bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last, time.Since(e.asked) < epochFor
}
