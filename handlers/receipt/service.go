// Package receipt stores delivered positions, tells them to the peers of single chats, and lists who has read a
// message.
package receipt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Receipts stores what was delivered.
type Receipts interface {
	MarkDelivered(ctx context.Context, in *pb.MarkDeliveredRequest) (*pb.MarkDeliveredResponse, error)
	Readers(ctx context.Context, in *pb.ReadersRequest) (*pb.ReadersResponse, error)
}

// notifyTimeout bounds the notification of sockets.
const notifyTimeout = 2 * time.Second

// Service implements pb.ReceiptServiceServer. Its errors are *contracts.Error: not_found for a conversation
// that the caller is not in. It is safe for concurrent use.
type Service struct {
	pb.UnimplementedReceiptServiceServer
	receipts Receipts
	notifier handlers.EachNotifier
}

var _ pb.ReceiptServiceServer = (*Service)(nil)

// New returns the service.
func New(receipts Receipts, notifier handlers.EachNotifier) (*Service, error) {
	if receipts == nil || notifier == nil {
		return nil, errors.New("configure receipt: a dependency is missing")
	}
	return &Service{receipts: receipts, notifier: notifier}, nil
}

// Deliver raises delivered positions and tells the peers of single chats. Entries of world are passed over,
// since nobody may see who has its messages; so are entries without a valid user, conversation or number.
// Errors: invalid_argument (too many), unavailable.
func (s *Service) Deliver(ctx context.Context, in *pb.DeliverRequest) (*pb.DeliverResponse, error) {
	if len(in.GetDelivered()) > contracts.DeliveredBatch {
		return nil, contracts.Invalid("delivered", fmt.Sprintf("at most %d", contracts.DeliveredBatch))
	}
	var keep []*pb.DeliveredTo
	for _, d := range in.GetDelivered() {
		conv := contracts.ConversationID(d.GetConversationId())
		if d.GetUserId() > 0 && d.GetSeqId() > 0 && conv != contracts.World && conv.Valid() {
			keep = append(keep, &pb.DeliveredTo{
				UserId: d.GetUserId(), ConversationId: d.GetConversationId(), SeqId: handlers.Storable(d.GetSeqId()),
			})
		}
	}
	if len(keep) == 0 {
		return &pb.DeliverResponse{}, nil
	}
	resp, err := s.receipts.MarkDelivered(ctx, &pb.MarkDeliveredRequest{Delivered: keep})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("move %d delivered positions", len(keep)))
	}
	if err := s.tell(ctx, resp.GetMoved()); err != nil {
		// The positions are moved, and peers learn them with the conversation: not a
		// failure of the call.
		trace.SpanFromContext(ctx).RecordError(err)
	}
	out := &pb.DeliverResponse{}
	for _, m := range resp.GetMoved() {
		out.Moved = append(out.Moved, &pb.DeliveredTo{UserId: m.GetUserId(), ConversationId: m.GetConversationId(), SeqId: m.GetDeliveredSeq()})
	}
	return out, nil
}

// tell tells the peers of single chats.
func (s *Service) tell(ctx context.Context, moved []*pb.MovedDelivery) error {
	to := map[contracts.UserID][]*pb.Delivery{}
	for _, m := range moved {
		if m.GetType() != pb.ConversationType_CONVERSATION_TYPE_SINGLE || m.GetPeerId() <= 0 {
			continue
		}
		peer := contracts.UserID(m.GetPeerId())
		to[peer] = append(to[peer], contracts.NewDelivery(pb.Delivery_CLASS_EVENT, contracts.FrameDelivered, contracts.DeliveredEventData{
			ConversationID: m.GetConversationId(), UserID: contracts.UserID(m.GetUserId()).String(), DeliveredSeq: m.GetDeliveredSeq(),
		}))
	}
	if len(to) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	if err := s.notifier.NotifyEach(ctx, to); err != nil {
		return fmt.Errorf("tell %d users what was delivered: %w", len(to), err)
	}
	return nil
}

// ListReaders pages through those who have read a message that the caller may read.
// Errors: not_found, permission_denied (world), invalid_argument on cursor or limit.
func (s *Service) ListReaders(ctx context.Context, in *pb.ListReadersRequest) (*pb.ListReadersResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	conv := contracts.ConversationID(in.GetConversationId())
	switch {
	case !conv.Valid():
		return nil, noSuchMessage(nil)
	case conv == contracts.World:
		return nil, contracts.NewError(contracts.CodePermissionDenied, "In the world nobody can see who has read a message.")
	}
	limit := in.GetLimit()
	if limit == 0 {
		limit = contracts.ReadersDefault
	}
	if limit < 0 || limit > contracts.ReadersMax {
		return nil, contracts.Invalid("limit", fmt.Sprintf("1 to %d", contracts.ReadersMax))
	}
	var after contracts.UserID
	if in.GetCursor() != "" {
		var err error
		if after, err = contracts.ParseUserID(in.GetCursor()); err != nil {
			return nil, contracts.Invalid("cursor", "a nextCursor from a former answer")
		}
	}
	resp, err := s.receipts.Readers(ctx, &pb.ReadersRequest{
		UserId: in.GetCallerId(), ConversationId: string(conv), SeqId: handlers.Storable(in.GetSeqId()), AfterUserId: int64(after), Limit: limit,
	})
	switch {
	case err == nil:
	case handlers.HasCode(err, contracts.CodeNotFound):
		return nil, noSuchMessage(err)
	default:
		return nil, handlers.StoreError(err, fmt.Sprintf("list the readers of message %d of %s", in.GetSeqId(), conv))
	}
	out := &pb.ListReadersResponse{
		ReadCount: resp.GetReadCount(), DeliveredCount: resp.GetDeliveredCount(), MemberCount: resp.GetMemberCount(), Readers: resp.GetReaders(),
	}
	if n := len(resp.GetReaders()); resp.GetHasMore() && n > 0 {
		out.NextCursor = contracts.UserID(resp.GetReaders()[n-1].GetUserId()).String()
	}
	return out, nil
}

func noSuchMessage(cause error) error {
	return contracts.NewError(contracts.CodeNotFound, "There is no such message.").WithCause(cause)
}
