package conversation

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Typing passes a typing frame on to the other members of a single chat or a
// small group. In world and in large groups nothing is passed on, which is not
// an error. Errors: not_found, conflict (a dissolved group), unavailable.
func (s *Service) Typing(ctx context.Context, in *pb.TypingRequest) (*pb.TypingResponse, error) {
	caller := in.GetCallerId()
	if err := handlers.CheckCaller(caller); err != nil {
		return nil, err
	}
	member, err := s.membership(ctx, contracts.ConversationID(in.GetConversationId()), caller)
	if err != nil {
		return nil, err
	}
	others, err := s.others(ctx, member, caller)
	if err != nil {
		return nil, err
	}
	if len(others) == 0 {
		return &pb.TypingResponse{}, nil
	}
	d := contracts.NewDelivery(pb.Delivery_CLASS_EVENT, contracts.FrameTyping, contracts.TypingEventData{
		ConversationID: in.GetConversationId(), UserID: contracts.UserID(caller).String(),
	})
	d.ExceptConnectionId = in.GetConnectionId()
	if err := s.notify(ctx, others, d); err != nil {
		return nil, contracts.NewError(contracts.CodeUnavailable, "").WithCause(err)
	}
	return &pb.TypingResponse{}, nil
}

// membership returns the caller's membership; not_found for outsiders.
func (s *Service) membership(ctx context.Context, conv contracts.ConversationID, caller int64) (*pb.Membership, error) {
	if !conv.Valid() {
		return nil, noSuchConversation(nil)
	}
	resp, err := s.deps.Directory.Memberships(ctx, &pb.MembershipsRequest{
		Keys: []*pb.MembershipKey{{ConversationId: string(conv), UserId: caller}},
	})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("read the membership of user %d in %s", caller, conv))
	}
	facts := resp.GetMemberships()
	switch {
	case len(facts) != 1 || !facts[0].GetExists() || !facts[0].GetMember():
		return nil, noSuchConversation(nil)
	case facts[0].GetDissolved():
		return nil, contracts.NewError(contracts.CodeConflict, "This group was dissolved.")
	}
	return facts[0], nil
}

// others returns the members who are told that the caller types.
func (s *Service) others(ctx context.Context, m *pb.Membership, caller int64) ([]contracts.UserID, error) {
	switch m.GetType() {
	case pb.ConversationType_CONVERSATION_TYPE_SINGLE:
		return without(m.GetUserIds(), caller), nil
	case pb.ConversationType_CONVERSATION_TYPE_GROUP:
		if m.GetMemberCount() > int64(s.cfg.Load().TypingGroupMax) {
			return nil, nil
		}
		ids, err := s.groupMembers(ctx, m.GetGroupId())
		if err != nil {
			return nil, err
		}
		return without(ids, caller), nil
	default:
		return nil, nil
	}
}

// groupMembers returns nobody for a group that turns out larger than its
// cached size.
func (s *Service) groupMembers(ctx context.Context, group int64) ([]int64, error) {
	most := s.cfg.Load().TypingGroupMax
	req := &pb.ListMemberIDsRequest{GroupId: group, Limit: int32(most)} //nolint:gosec // validated at start
	var all []int64
	for {
		resp, err := s.deps.Members.ListMemberIDs(ctx, req)
		switch {
		case err == nil:
		case handlers.HasCode(err, contracts.CodeNotFound):
			return nil, noSuchConversation(err)
		default:
			return nil, handlers.StoreError(err, fmt.Sprintf("list the members of group %d", group))
		}
		page := resp.GetUserIds()
		all = append(all, page...)
		if len(all) > most {
			return nil, nil
		}
		if !resp.GetHasMore() || len(page) == 0 {
			return all, nil
		}
		req = &pb.ListMemberIDsRequest{GroupId: group, Limit: req.GetLimit(), AfterUserId: page[len(page)-1]}
	}
}

func without(ids []int64, caller int64) []contracts.UserID {
	out := make([]contracts.UserID, 0, len(ids))
	for _, id := range ids {
		if id != caller {
			out = append(out, contracts.UserID(id))
		}
	}
	return out
}
