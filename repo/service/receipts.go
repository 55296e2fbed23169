package service

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

type receipts struct {
	pb.UnimplementedReceiptRepoServer
	*Repo
}

// MarkDelivered implements pb.ReceiptRepoServer.
func (r receipts) MarkDelivered(ctx context.Context, in *pb.MarkDeliveredRequest) (*pb.MarkDeliveredResponse, error) {
	positions := make([]store.Position, len(in.GetDelivered()))
	for i, d := range in.GetDelivered() {
		positions[i] = store.Position{
			MembershipKey: store.MembershipKey{ConversationID: d.GetConversationId(), UserID: d.GetUserId()}, Seq: d.GetSeqId(),
		}
	}
	moved, err := r.store.MarkDelivered(ctx, positions)
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.MarkDeliveredResponse{Moved: make([]*pb.MovedDelivery, len(moved))}
	for i, m := range moved {
		out.Moved[i] = &pb.MovedDelivery{
			UserId: m.UserID, ConversationId: m.ConversationID, DeliveredSeq: m.Seq, Type: pb.ConversationType(m.Type), PeerId: m.PeerID,
		}
	}
	return out, nil
}

// Readers implements pb.ReceiptRepoServer.
func (r receipts) Readers(ctx context.Context, in *pb.ReadersRequest) (*pb.ReadersResponse, error) {
	if in.GetLimit() > ListMax {
		return nil, contracts.Invalid("limit", fmt.Sprintf("at most %d", ListMax))
	}
	found, err := r.store.Readers(ctx, store.ReadersPage{
		MembershipKey: store.MembershipKey{ConversationID: in.GetConversationId(), UserID: in.GetUserId()},
		Seq:           in.GetSeqId(), After: in.GetAfterUserId(), Limit: max(int(in.GetLimit()), 1),
	})
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.ReadersResponse{
		ReadCount: found.Read, DeliveredCount: found.Delivered, MemberCount: found.Members,
		Readers: make([]*pb.Reader, len(found.Page)), HasMore: found.More,
	}
	for i, p := range found.Page {
		out.Readers[i] = &pb.Reader{UserId: p.UserID, ReadSeq: p.Seq}
	}
	return out, nil
}
