// Package message reads messages: a conversation's history, and what became of
// one's own sends.
package message

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Conversations knows who is in which conversation.
type Conversations interface {
	Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error)
}

// Messages stores messages. It knows no permissions.
type Messages interface {
	History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error)
	FindOutcome(ctx context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error)
}

// Config configures the service.
type Config struct {
	// Limits are the contract's limits, which several services share; the zero
	// value is contracts.DefaultLimits.
	Limits contracts.Limits `mapstructure:"-"`
}

// Service implements pb.MessageServiceServer. Its errors are *contracts.Error.
// It is safe for concurrent use.
type Service struct {
	pb.UnimplementedMessageServiceServer
	limits        atomic.Pointer[contracts.Limits]
	conversations Conversations
	messages      Messages
}

var _ pb.MessageServiceServer = (*Service)(nil)

// New returns the service. It refuses limits that nothing fits, and a default page that is larger than the
// largest.
func New(cfg Config, conversations Conversations, messages Messages) (*Service, error) {
	if conversations == nil || messages == nil {
		return nil, errors.New("configure message: a dependency is missing")
	}
	if cfg.Limits == (contracts.Limits{}) {
		cfg.Limits = contracts.DefaultLimits()
	}
	switch l := cfg.Limits; {
	case l.HistoryMax < 1 || l.HistoryMax > math.MaxInt32:
		return nil, fmt.Errorf("configure message: history_max is %d: it must be positive", l.HistoryMax)
	case l.HistoryDefault < 1 || l.HistoryDefault > l.HistoryMax:
		return nil, fmt.Errorf("configure message: history_default is %d: it must be within 1 to history_max (%d)",
			l.HistoryDefault, l.HistoryMax)
	case l.TempMessageID < 1:
		return nil, fmt.Errorf("configure message: temp_message_id is %d: it must be positive", l.TempMessageID)
	}
	s := &Service{conversations: conversations, messages: messages}
	s.SetLimits(cfg.Limits)
	return s, nil
}

// SetLimits takes other limits, of a valid configuration, for all calls from now on.
func (s *Service) SetLimits(l contracts.Limits) { s.limits.Store(&l) }

// ListMessages reads a page of a conversation that the caller is in, ascending;
// in a group only what came after the caller joined. Errors: invalid_argument,
// not_found.
func (s *Service) ListMessages(ctx context.Context, in *pb.ListMessagesRequest) (*pb.ListMessagesResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	limit, err := s.pageSize(in.GetLimit())
	if err != nil {
		return nil, err
	}
	conv := contracts.ConversationID(in.GetConversationId())
	floor, err := s.floor(ctx, conv, in.GetCallerId())
	if err != nil {
		return nil, err
	}
	page := &pb.HistoryRequest{
		ConversationId: in.GetConversationId(), Limit: limit, FloorSeq: floor,
		AfterSeq: handlers.Storable(in.GetAfterSeq()), HasAfter: in.AfterSeq != nil,
	}
	if in.BeforeSeq != nil {
		// To the store, 0 is no bound at all. Before 1 there is nothing either.
		page.BeforeSeq = max(handlers.Storable(in.GetBeforeSeq()), 1)
	}
	resp, err := s.messages.History(ctx, page)
	if err != nil {
		return nil, handlers.StoreError(err, "read the history of "+in.GetConversationId())
	}
	messages := make([]*pb.Message, len(resp.GetMessages()))
	for i, m := range resp.GetMessages() {
		messages[i] = contracts.Readable(m, floor)
	}
	return &pb.ListMessagesResponse{
		Messages: messages, LastSeq: resp.GetLastSeq(), HasMore: resp.GetHasMore(),
	}, nil
}

// floor returns the number up to which the caller may not read, or not_found.
func (s *Service) floor(ctx context.Context, conv contracts.ConversationID, caller int64) (uint64, error) {
	if !conv.Valid() {
		return 0, noSuchConversation(nil)
	}
	resp, err := s.conversations.Memberships(ctx, &pb.MembershipsRequest{
		Keys: []*pb.MembershipKey{{ConversationId: string(conv), UserId: caller}},
	})
	if err != nil {
		return 0, handlers.StoreError(err, fmt.Sprintf("read the membership of user %d in %s", caller, conv))
	}
	facts := resp.GetMemberships()
	if len(facts) != 1 || !facts[0].GetExists() || !facts[0].GetMember() {
		return 0, noSuchConversation(nil)
	}
	if _, isGroup := conv.GroupID(); isGroup {
		return facts[0].GetJoinSeq(), nil
	}
	return 0, nil // single chats and world are readable from the start
}

func (s *Service) pageSize(asked int32) (int32, error) {
	if asked == 0 {
		return int32(s.limits.Load().HistoryDefault), nil //nolint:gosec // a small configured number
	}
	if asked < 0 || int(asked) > s.limits.Load().HistoryMax {
		return 0, contracts.Invalid("limit", fmt.Sprintf("1 to %d", s.limits.Load().HistoryMax))
	}
	return asked, nil
}

// GetOutcome tells what became of a send of the caller's own. Errors:
// invalid_argument.
func (s *Service) GetOutcome(ctx context.Context, in *pb.GetOutcomeRequest) (*pb.GetOutcomeResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	if must := s.limits.Load().CheckTempMessageID(in.GetTempMessageId()); must != "" {
		return nil, contracts.Invalid("tempMessageId", must)
	}
	resp, err := s.messages.FindOutcome(ctx, &pb.FindOutcomeRequest{
		SenderId: in.GetCallerId(), TempMessageId: in.GetTempMessageId(),
	})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("read the outcome of a send of user %d", in.GetCallerId()))
	}
	if !resp.GetStored() {
		return &pb.GetOutcomeResponse{}, nil
	}
	return &pb.GetOutcomeResponse{Stored: true, Message: resp.GetMessage()}, nil
}

func noSuchConversation(cause error) error {
	return contracts.NewError(contracts.CodeNotFound, "There is no such conversation.").WithCause(cause)
}
