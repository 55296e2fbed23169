package authorize

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// makeSingles makes the single chats that do not exist yet and reads their memberships. For a send that was
// stored earlier, in whatever conversation, no chat is made.
func makeSingles(ctx context.Context, dir Directory, outcomes Outcomes, missing []*handlers.Item) error {
	var made []*handlers.Item
	for chunk := range slices.Chunk(missing, contracts.SinglesBatch) {
		results, err := begin(ctx, dir, chunk)
		if err != nil {
			return err
		}
		for i, it := range chunk {
			switch {
			case results[i].GetStored() != nil:
				err = it.Find(results[i].GetStored())
			case results[i].GetThere():
				made = append(made, it)
			default:
				var there bool
				if there, err = makeSingle(ctx, dir, outcomes, it); there {
					made = append(made, it)
				}
			}
			if err != nil {
				return err
			}
		}
	}
	if len(made) == 0 {
		return nil
	}
	facts, err := memberships(ctx, dir, made)
	if err != nil {
		return err
	}
	for i, it := range made {
		it.Membership = facts[i]
	}
	return nil
}

// begin makes the chats of the sends together. An older directory cannot: all results are empty then.
func begin(ctx context.Context, dir Directory, sends []*handlers.Item) ([]*pb.SingleBegun, error) {
	in := &pb.BeginSinglesRequest{Messages: make([]*pb.FirstMessage, len(sends))}
	for i, it := range sends {
		up := it.Upstream
		in.Messages[i] = &pb.FirstMessage{SenderId: up.GetSenderId(), ReceiverId: up.GetReceiverId(), TempMessageId: up.GetTempMessageId()}
	}
	out, err := dir.BeginSingles(ctx, in)
	switch {
	case contracts.IsUnknownCall(err):
		return make([]*pb.SingleBegun, len(sends)), nil
	case err != nil:
		return nil, fmt.Errorf("make %d single chats: %w", len(sends), err)
	case len(out.GetResults()) != len(sends):
		return nil, fmt.Errorf("make single chats: %d answers to %d questions", len(out.GetResults()), len(sends))
	}
	return out.GetResults(), nil
}

// makeSingle makes the chat of one send, and rejects the send when the chat cannot be made.
func makeSingle(ctx context.Context, dir Directory, outcomes Outcomes, it *handlers.Item) (there bool, err error) {
	if found, err := earlier(ctx, outcomes, it); err != nil || found {
		return false, err
	}
	up := it.Upstream
	_, err = dir.EnsureSingle(ctx, &pb.EnsureSingleRequest{UserId: up.GetSenderId(), PeerId: up.GetReceiverId()})
	switch {
	case err == nil:
		return true, nil
	case contracts.IsPermanent(err):
		return false, it.Reject(rejection(err))
	default:
		return false, fmt.Errorf("make the single chat of %d and %d: %w", up.GetSenderId(), up.GetReceiverId(), err)
	}
}

func rejection(err error) *contracts.Error {
	e := contracts.AsError(err)
	if errors.Is(e, contracts.NewError(contracts.CodeNotFound, "")) {
		return contracts.NewError(contracts.CodeNotFound, "There is no such user.")
	}
	return e
}
