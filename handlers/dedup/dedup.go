// Package dedup is the pipeline stage that finds sends which are stored
// already.
package dedup

import (
	"context"
	"fmt"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Index knows what is stored. LookupDedup asks a cache and may miss;
// FindOutcome reads the database.
type Index interface {
	LookupDedup(ctx context.Context, in *pb.LookupDedupRequest) (*pb.LookupDedupResponse, error)
	FindOutcome(ctx context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error)
}

// New returns the stage. A message that is found stored still goes through the other stages, which do not store
// it again: its sender gets message-stored again, and a crash between persist and deliver heals. A cache that
// is away is no error: persist finds duplicates by the database's unique key.
func New(index Index) handlers.Stage {
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error {
		open := env.Open()
		if len(open) == 0 {
			return nil
		}
		found, err := index.LookupDedup(ctx, &pb.LookupDedupRequest{Keys: handlers.Keys(open)})
		if err != nil || len(found.GetStored()) != len(open) {
			return nil //nolint:nilerr // a miss, as the comment of New says
		}
		for i, hit := range found.GetStored() {
			if hit.GetMessageId() == 0 {
				continue
			}
			if err := adopt(ctx, index, open[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// adopt takes the message as it was stored. The content comes from the
// database and not from the resend, which may say something else.
func adopt(ctx context.Context, index Index, it *handlers.Item) error {
	out, err := index.FindOutcome(ctx, &pb.FindOutcomeRequest{
		SenderId:      it.Upstream.GetSenderId(),
		TempMessageId: it.Upstream.GetTempMessageId(),
	})
	if err != nil {
		return fmt.Errorf("read the stored message of %d %q: %w",
			it.Upstream.GetSenderId(), it.Upstream.GetTempMessageId(), err)
	}
	if !out.GetStored() {
		return nil
	}
	return it.Find(out.GetMessage())
}
