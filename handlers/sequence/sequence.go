// Package sequence is the pipeline stage that proposes each message's number
// in its conversation.
package sequence

import (
	"context"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Allocator proposes sequence numbers, 0 to leave a number to the store. It is idempotent: the same idempotency
// key gets the same number again.
type Allocator interface {
	AllocateSeq(ctx context.Context, in *pb.AllocateSeqRequest) (*pb.AllocateSeqResponse, error)
}

// New returns the stage. An allocator that fails is no error: the store decides about numbers in any case, so
// that trying again would only make messages wait.
func New(alloc Allocator) handlers.Stage {
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error {
		open := env.Open()
		if len(open) == 0 {
			return nil
		}
		resp, err := alloc.AllocateSeq(ctx, &pb.AllocateSeqRequest{Keys: handlers.Keys(open)})
		if err != nil || len(resp.GetSeqIds()) != len(open) {
			return nil //nolint:nilerr // the store gives the numbers
		}
		for i, seq := range resp.GetSeqIds() {
			open[i].SeqID = seq
		}
		return nil
	})
}
