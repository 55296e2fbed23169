package conversation

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// maxCursor is in bytes; ours are much shorter.
const maxCursor = 512

// CreateSingle returns the single chat with a peer, made when it is missing.
// Errors: invalid_argument on peerId (oneself, no id), not_found.
func (s *Service) CreateSingle(ctx context.Context, in *pb.CreateSingleRequest) (*pb.CreateSingleResponse, error) {
	caller, peer := in.GetCallerId(), in.GetPeerId()
	if err := handlers.CheckCaller(caller); err != nil {
		return nil, err
	}
	if peer <= 0 || peer == caller {
		return nil, contracts.Invalid("peerId", "somebody else's user id")
	}
	made, err := s.deps.Conversations.EnsureSingle(ctx, &pb.EnsureSingleRequest{UserId: caller, PeerId: peer})
	switch {
	case err == nil:
	case handlers.HasCode(err, contracts.CodeNotFound):
		return nil, contracts.NewError(contracts.CodeNotFound, "There is no such user.").WithCause(err)
	default:
		return nil, handlers.StoreError(err, fmt.Sprintf("make the single chat of %d and %d", caller, peer))
	}
	conv, err := s.read(ctx, made.GetConversationId(), caller)
	if err != nil {
		return nil, err
	}
	return &pb.CreateSingleResponse{Conversation: conv}, nil
}

// Get returns a conversation that the caller is in. Errors: not_found.
func (s *Service) Get(ctx context.Context, in *pb.ConversationServiceGetRequest) (*pb.ConversationServiceGetResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	conv, err := s.read(ctx, in.GetConversationId(), in.GetCallerId())
	if err != nil {
		return nil, err
	}
	return &pb.ConversationServiceGetResponse{Conversation: conv}, nil
}

func (s *Service) read(ctx context.Context, id string, caller int64) (*pb.Conversation, error) {
	if !contracts.ConversationID(id).Valid() {
		return nil, noSuchConversation(nil)
	}
	resp, err := s.deps.Conversations.GetConversation(ctx, &pb.GetConversationRequest{ConversationId: id, UserId: caller})
	switch {
	case err == nil:
		return resp.GetConversation(), nil
	case handlers.HasCode(err, contracts.CodeNotFound):
		return nil, noSuchConversation(err)
	}
	return nil, handlers.StoreError(err, fmt.Sprintf("read conversation %s of user %d", id, caller))
}

// List pages through the caller's conversations, newest message first. Errors:
// invalid_argument on limit or cursor.
func (s *Service) List(ctx context.Context, in *pb.ConversationServiceListRequest) (*pb.ConversationServiceListResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	limit, err := pageSize(in.GetLimit(), s.cfg.Load().ListDefault, s.cfg.Load().ListMax)
	if err != nil {
		return nil, err
	}
	if len(in.GetCursor()) > maxCursor {
		return nil, badCursor(nil)
	}
	resp, err := s.deps.Conversations.ListConversations(ctx, &pb.ListConversationsRequest{
		UserId: in.GetCallerId(), Cursor: in.GetCursor(), Limit: limit,
	})
	switch {
	case err == nil:
		return &pb.ConversationServiceListResponse{
			Conversations: resp.GetConversations(), NextCursor: resp.GetNextCursor(),
		}, nil
	case in.GetCursor() != "" && handlers.HasCode(err, contracts.CodeInvalidArgument):
		return nil, badCursor(err)
	}
	return nil, handlers.StoreError(err, fmt.Sprintf("list the conversations of user %d", in.GetCallerId()))
}

func badCursor(cause error) error {
	return contracts.Invalid("cursor", "a nextCursor from a former answer").WithCause(cause)
}

// SyncAll returns what the caller does not have yet: of the named conversations the messages after the given
// number, of the caller's other conversations those since joining. When the given numbers are of another epoch
// of the store, a conversation comes with its last messages and Reset set, to replace what the caller has.
// Conversations that the caller is not in are left out without an error. Errors: invalid_argument on limit or
// conversations.
func (s *Service) SyncAll(ctx context.Context, in *pb.SyncAllRequest) (*pb.SyncAllResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	limits := s.cfg.Load().Limits
	limit, err := pageSize(in.GetLimit(), limits.HistoryDefault, limits.HistoryMax)
	if err != nil {
		return nil, err
	}
	if len(in.GetHave()) > limits.SyncConversations {
		return nil, contracts.Invalid("conversations", fmt.Sprintf("at most %d conversations", limits.SyncConversations))
	}
	have := make(map[string]uint64, len(in.GetHave()))
	for id, seq := range in.GetHave() {
		// An invalid id is left out like an unknown one: as an error, one id left behind by an older version of
		// the client would end that client's syncs for good.
		if contracts.ConversationID(id).Valid() {
			have[id] = handlers.Storable(seq)
		}
	}
	resp, err := s.deps.Conversations.Sync(ctx, &pb.SyncRequest{UserId: in.GetCallerId(), Have: have, Limit: limit, Epoch: in.GetEpoch()})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("sync user %d", in.GetCallerId()))
	}
	out := &pb.SyncAllResponse{
		More: resp.GetMore(), Epoch: resp.GetEpoch(), Conversations: make([]*pb.SyncedConversation, len(resp.GetConversations())),
	}
	for i, c := range resp.GetConversations() {
		out.Conversations[i] = &pb.SyncedConversation{
			ConversationId: c.GetConversationId(), LastSeq: c.GetLastSeq(), ReadSeq: c.GetReadSeq(),
			Messages: c.GetMessages(), HasMore: c.GetHasMore(), Reset_: c.GetReset_(),
		}
	}
	return out, nil
}
