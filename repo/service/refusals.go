package service

import (
	"context"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/wire"
)

// refusalsKept is how long a refusal is kept. It must be longer than a queue keeps records: a record
// of a refused send that comes after the refusal was deleted would be stored.
const refusalsKept = 90 * 24 * time.Hour

// RefuseSend implements pb.MessageRepoServer.
func (r messages) RefuseSend(ctx context.Context, in *pb.RefuseSendRequest) (*pb.RefuseSendResponse, error) {
	k := in.GetKey()
	m, found, err := r.store.Refuse(ctx, store.ClientKey{
		ConversationID: k.GetConversationId(), SenderID: k.GetSenderId(), ClientID: k.GetTempMessageId(),
	}, time.Now())
	if err != nil {
		return nil, answer(err)
	}
	if !found {
		return &pb.RefuseSendResponse{}, nil
	}
	return &pb.RefuseSendResponse{Stored: true, Message: wire.Proto(&m)}, nil
}

// ForgetRefusals implements pb.PoisonRepoServer.
func (r poison) ForgetRefusals(ctx context.Context, _ *pb.ForgetRefusalsRequest) (*pb.ForgetRefusalsResponse, error) {
	n, err := r.store.ForgetRefusals(ctx, time.Now().Add(-refusalsKept))
	if err != nil {
		return nil, answer(err)
	}
	return &pb.ForgetRefusalsResponse{Forgotten: n}, nil
}
