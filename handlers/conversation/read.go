package conversation

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Read moves the caller's read position forward and tells the caller's other
// sockets and, in a single chat, the peer. Errors: not_found.
func (s *Service) Read(ctx context.Context, in *pb.ReadRequest) (*pb.ReadResponse, error) {
	caller := in.GetCallerId()
	if err := handlers.CheckCaller(caller); err != nil {
		return nil, err
	}
	if !contracts.ConversationID(in.GetConversationId()).Valid() {
		return nil, noSuchConversation(nil)
	}
	resp, err := s.deps.Conversations.MarkRead(ctx, &pb.MarkReadRequest{
		ConversationId: in.GetConversationId(), UserId: caller, SeqId: handlers.Storable(in.GetSeqId()),
	})
	switch {
	case err == nil:
	case handlers.HasCode(err, contracts.CodeNotFound):
		return nil, noSuchConversation(err)
	default:
		return nil, handlers.StoreError(err, fmt.Sprintf("move the read position of user %d in %s", caller, in.GetConversationId()))
	}
	if resp.GetMoved() {
		if err := s.tellRead(ctx, in, resp); err != nil {
			// The position is moved, and clients learn it with their next sync: not
			// a failure of the call.
			trace.SpanFromContext(ctx).RecordError(err)
		}
	}
	out := &pb.ReadResponse{ReadSeq: resp.GetReadSeq(), Unread: resp.GetUnread()}
	if resp.Unread == nil { // a repo of an older release sends no count; this one has system messages in it
		out.Unread = unread(resp.GetLastSeq(), resp.GetReadSeq())
	}
	return out, nil
}

func (s *Service) tellRead(ctx context.Context, in *pb.ReadRequest, moved *pb.MarkReadResponse) error {
	caller := contracts.UserID(in.GetCallerId())
	to := []contracts.UserID{caller}
	if moved.GetType() == pb.ConversationType_CONVERSATION_TYPE_SINGLE && moved.GetPeerId() > 0 {
		to = append(to, contracts.UserID(moved.GetPeerId()))
	}
	d := contracts.NewDelivery(pb.Delivery_CLASS_EVENT, contracts.FrameRead, contracts.ReadEventData{
		ConversationID: in.GetConversationId(), UserID: caller.String(), ReadSeq: moved.GetReadSeq(),
	})
	d.ExceptConnectionId = in.GetConnectionId()
	return s.notify(ctx, to, d)
}

// unread never wraps around, whatever the store says.
func unread(last, read uint64) uint64 { return last - min(last, read) }
