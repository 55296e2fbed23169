// Package authorize is the pipeline stage that decides whether a sender may
// send to a conversation, and change a message in it.
package authorize

import (
	"context"
	"errors"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Directory knows conversations and who is in them. Its facts may come from a
// cache: persist checks again in the storing transaction.
type Directory interface {
	Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error)
	EnsureSingle(ctx context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error)
}

// Outcomes knows what became of a send at any earlier time.
type Outcomes interface {
	FindOutcome(ctx context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error)
}

// New returns the stage. It makes the single chat of a message that names a
// receiver when it is missing, and rejects messages to conversations that the
// sender is not in as if they did not exist. No number is taken for what is
// rejected here. A message that was stored while its sender was still a member
// is not rejected when it is sent again.
func New(windows *Windows, dir Directory, outcomes Outcomes, messages Messages) handlers.Stage {
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error {
		// Items that are stored already need the members too: recipients uses them.
		items := env.Items
		facts, err := memberships(ctx, dir, items)
		if err != nil {
			return err
		}
		var missing []*handlers.Item
		for i, it := range items {
			it.Membership = facts[i]
			if !facts[i].GetExists() && it.Upstream.GetReceiverId() != 0 && it.State() == handlers.StateOpen {
				missing = append(missing, it)
			}
		}
		if err := makeSingles(ctx, dir, outcomes, missing); err != nil {
			return err
		}
		for _, it := range env.Open() {
			reason := judge(it.Membership)
			if reason == nil && it.Upstream.GetChange() != nil {
				if reason, err = windows.Now().judgeChange(ctx, messages, it); err != nil {
					return err
				}
			}
			if reason == nil {
				continue
			}
			found, err := earlier(ctx, outcomes, it)
			if err == nil && !found {
				err = it.Reject(reason)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// earlier finds the message of a send that would be rejected, or goes to a chat that is not there
// yet, if it was stored at an earlier time.
func earlier(ctx context.Context, outcomes Outcomes, it *handlers.Item) (found bool, err error) {
	out, err := outcomes.FindOutcome(ctx, &pb.FindOutcomeRequest{
		SenderId:      it.Upstream.GetSenderId(),
		TempMessageId: it.Upstream.GetTempMessageId(),
	})
	if err != nil {
		return false, fmt.Errorf("read the outcome of %d %q: %w", it.Upstream.GetSenderId(), it.Upstream.GetTempMessageId(), err)
	}
	if !out.GetStored() {
		return false, nil
	}
	return true, it.Find(out.GetMessage())
}

func memberships(ctx context.Context, dir Directory, items []*handlers.Item) ([]*pb.Membership, error) {
	keys := make([]*pb.MembershipKey, len(items))
	for i, it := range items {
		keys[i] = &pb.MembershipKey{
			ConversationId: it.Upstream.GetConversationId(),
			UserId:         it.Upstream.GetSenderId(),
		}
	}
	resp, err := dir.Memberships(ctx, &pb.MembershipsRequest{Keys: keys})
	if err != nil {
		return nil, fmt.Errorf("read memberships of %d messages: %w", len(keys), err)
	}
	if len(resp.GetMemberships()) != len(keys) {
		return nil, fmt.Errorf("read memberships: %d answers to %d questions", len(resp.GetMemberships()), len(keys))
	}
	return resp.GetMemberships(), nil
}

// makeSingles makes the chats that do not exist yet and reads them again. A message
// that was stored in another conversation makes none.
func makeSingles(ctx context.Context, dir Directory, outcomes Outcomes, missing []*handlers.Item) error {
	var made []*handlers.Item
	for _, it := range missing {
		found, err := earlier(ctx, outcomes, it)
		if err != nil {
			return err
		}
		if found {
			continue
		}
		up := it.Upstream
		_, err = dir.EnsureSingle(ctx, &pb.EnsureSingleRequest{UserId: up.GetSenderId(), PeerId: up.GetReceiverId()})
		switch {
		case err == nil:
			made = append(made, it)
		case contracts.IsPermanent(err):
			if err := it.Reject(rejection(err)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("make the single chat of %d and %d: %w", up.GetSenderId(), up.GetReceiverId(), err)
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

func rejection(err error) *contracts.Error {
	e := contracts.AsError(err)
	if errors.Is(e, contracts.NewError(contracts.CodeNotFound, "")) {
		return contracts.NewError(contracts.CodeNotFound, "There is no such user.")
	}
	return e
}

func judge(m *pb.Membership) *contracts.Error {
	switch {
	case !m.GetExists() || !m.GetMember():
		return contracts.NewError(contracts.CodeNotFound, "There is no such conversation.")
	case m.GetDissolved():
		return contracts.NewError(contracts.CodeConflict, "This group was dissolved.")
	}
	return nil
}
