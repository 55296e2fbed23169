// Package authorize is the pipeline stage that decides whether a sender may
// send to a conversation, and change a message in it.
package authorize

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Directory knows conversations and who is in them. Its facts may come from a
// cache: persist checks again in the storing transaction.
type Directory interface {
	Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error)
	BeginSingles(ctx context.Context, in *pb.BeginSinglesRequest) (*pb.BeginSinglesResponse, error)
	EnsureSingle(ctx context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error)
}

// Outcomes knows what became of a send at any earlier time.
type Outcomes interface {
	FindOutcome(ctx context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error)
}

// New returns the stage. It makes a missing single chat for a message that names a receiver. It rejects a
// message to a conversation that the sender is not in as if the conversation did not exist, and takes no
// sequence number for it. A message that was stored while its sender was still a member is not rejected when it
// is sent again.
func New(windows *Windows, dir Directory, outcomes Outcomes, messages Messages) handlers.Stage {
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error {
		// Items that are stored already need their memberships too: recipients uses them.
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

// earlier finds the message of a send that was stored at an earlier time. It is asked before the send is
// rejected, and before a single chat is made for it.
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

func judge(m *pb.Membership) *contracts.Error {
	switch {
	case !m.GetExists() || !m.GetMember():
		return contracts.NewError(contracts.CodeNotFound, "There is no such conversation.")
	case m.GetDissolved():
		return contracts.NewError(contracts.CodeConflict, "This group was dissolved.")
	}
	return nil
}
