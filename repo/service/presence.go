package service

import (
	"context"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

type presence struct {
	pb.UnimplementedPresenceRepoServer
	*Repo
}

// Present implements pb.PresenceRepoServer.
func (r presence) Present(ctx context.Context, in *pb.PresentRequest) (*pb.PresentResponse, error) {
	connected, partial, err := r.sessions.Present(ctx, in.GetUserIds())
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	out := &pb.PresentResponse{Partial: partial, Online: make([]int64, 0, len(connected))}
	for user := range connected {
		out.Online = append(out.Online, user)
	}
	return out, nil
}

// LastSeen implements pb.PresenceRepoServer.
func (r presence) LastSeen(ctx context.Context, in *pb.LastSeenRequest) (*pb.LastSeenResponse, error) {
	found, err := r.store.LastSeen(ctx, in.GetUserIds())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.LastSeenResponse{LastSeenAt: found}, nil
}
