package service

import (
	"context"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

type presence struct {
	pb.UnimplementedPresenceRepoServer
	*Repo
}

// Present implements pb.PresenceRepoServer.
func (r presence) Present(ctx context.Context, in *pb.PresentRequest) (*pb.PresentResponse, error) {
	out := &pb.PresentResponse{}
	if gateway := in.GetWatcherId(); gateway != "" {
		// Before the sessions are read, so that no change is missed in between.
		// Without the note the watcher is told that it has to ask again.
		told, err := r.sessions.Watch(ctx, gateway, in.GetUserIds())
		if err != nil {
			r.logCacheError("note who watches users", err)
		}
		out.Watched = told && err == nil
	}
	connected, partial, err := r.sessions.Present(ctx, in.GetUserIds())
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	out.Partial, out.Online = partial, make([]int64, 0, len(connected))
	for user := range connected {
		out.Online = append(out.Online, user)
	}
	return out, nil
}

// CountOnline implements pb.PresenceRepoServer.
func (r presence) CountOnline(ctx context.Context, _ *pb.CountOnlineRequest) (*pb.CountOnlineResponse, error) {
	n, err := r.sessions.CountOnline(ctx)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	return &pb.CountOnlineResponse{Users: n}, nil
}

// LastSeen implements pb.PresenceRepoServer.
func (r presence) LastSeen(ctx context.Context, in *pb.LastSeenRequest) (*pb.LastSeenResponse, error) {
	found, err := r.store.LastSeen(ctx, in.GetUserIds())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.LastSeenResponse{LastSeenAt: found}, nil
}

// Wrote implements pb.PresenceRepoServer. A yes stays true for ever, so that this process remembers
// each yes.
func (r presence) Wrote(ctx context.Context, in *pb.WroteRequest) (*pb.WroteResponse, error) {
	out := &pb.WroteResponse{}
	var ask []store.MembershipKey
	for _, peer := range in.GetPeerIds() {
		key := store.MembershipKey{
			ConversationID: string(contracts.SingleConversation(contracts.UserID(in.GetUserId()), contracts.UserID(peer))), UserID: peer,
		}
		if r.wrote.Contains(key) {
			out.PeerIds = append(out.PeerIds, peer)
		} else {
			ask = append(ask, key)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	found, err := r.store.Wrote(ctx, ask)
	if err != nil {
		return nil, answer(err)
	}
	for _, key := range ask {
		if found[key] {
			r.wrote.Add(key, struct{}{})
			out.PeerIds = append(out.PeerIds, key.UserID)
		}
	}
	return out, nil
}
