// Package sequence is the pipeline stage that proposes each message's number
// in its conversation.
package sequence

import (
	"context"
	"time"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Allocator hands out numbers. It is idempotent: the same key gets the same
// number again.
type Allocator interface {
	AllocateSeq(ctx context.Context, in *pb.AllocateSeqRequest, opts ...grpc.CallOption) (*pb.AllocateSeqResponse, error)
}

// Config bounds the tries.
type Config struct {
	// Tries is how often the allocator is asked; default 3.
	Tries int
	// Pause is between tries; default 20 ms.
	Pause time.Duration
}

// New returns the stage. When the allocator stays away after the tries, the
// store gives the numbers: it has the last word in any case.
func New(alloc Allocator, cfg Config) handlers.Stage {
	if cfg.Tries <= 0 {
		cfg.Tries = 3
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 20 * time.Millisecond
	}
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error {
		open := env.Open()
		if len(open) == 0 {
			return nil
		}
		req := &pb.AllocateSeqRequest{Keys: handlers.Keys(open)}
		for try := 1; ; try++ {
			resp, err := alloc.AllocateSeq(ctx, req)
			if err == nil && len(resp.GetSeqIds()) == len(open) {
				for i, seq := range resp.GetSeqIds() {
					open[i].SeqID = seq
				}
				return nil
			}
			if try == cfg.Tries || !handlers.Pause(ctx, cfg.Pause) {
				return nil
			}
		}
	})
}
