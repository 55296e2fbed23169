package service

import (
	"context"
	"errors"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo/cache"
)

type sessions struct {
	pb.UnimplementedSessionRepoServer
	*Repo
}

func session(in *pb.Session) cache.Session {
	return cache.Session{
		UserID: in.GetUserId(), ConnectionID: in.GetConnectionId(), GatewayID: in.GetGatewayId(),
		DeviceID: in.GetDeviceId(), LoginAt: in.GetLoginAt(),
	}
}

// PutSessions implements pb.SessionRepoServer.
func (r sessions) PutSessions(ctx context.Context, in *pb.PutSessionsRequest) (*pb.PutSessionsResponse, error) {
	list := make([]cache.Session, len(in.GetSessions()))
	for i, s := range in.GetSessions() {
		list[i] = session(s)
	}
	err := r.sessions.Put(ctx, list)
	if errors.Is(err, cache.ErrNotSwept) {
		r.logCacheError("put sessions", err)
		err = nil
	}
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	out := &pb.PutSessionsResponse{}
	if in.GetWantWatchers() {
		out.Watched = r.watched(ctx, list)
	}
	return out, nil
}

// watchingTries is how often the cache is asked who watches users.
const watchingTries = 3

// watched names the gateways that watch users of the sessions. Where the cache does not tell, nobody hears of the
// change before the watchers ask the next time: the sessions count all the same.
func (r sessions) watched(ctx context.Context, list []cache.Session) (out []*pb.Watched) {
	users := make([]int64, 0, len(list))
	once := make(map[int64]bool, len(list))
	for _, s := range list {
		if !once[s.UserID] {
			once[s.UserID] = true
			users = append(users, s.UserID)
		}
	}
	var found map[int64][]string
	err := errors.New("was not asked")
	for try := 0; try < watchingTries && err != nil; try++ {
		found, err = r.sessions.Watching(ctx, users)
	}
	if err != nil {
		r.logCacheError("read who watches users", err)
		return nil
	}
	for _, user := range users {
		if list := found[user]; len(list) > 0 {
			out = append(out, &pb.Watched{UserId: user, GatewayIds: list})
		}
	}
	return out
}

// unavailable is the answer when the session registry fails: sessions are in the cache alone. The
// client must not retry at once at another repo process, which would ask the same cache.
func unavailable(ctx context.Context, err error) error {
	rpc.Final(ctx)
	return contracts.NewError(contracts.CodeUnavailable, "The session registry does not answer right now.").WithCause(err)
}

// RemoveSession implements pb.SessionRepoServer.
func (r sessions) RemoveSession(ctx context.Context, in *pb.RemoveSessionRequest) (*pb.RemoveSessionResponse, error) {
	if err := r.sessions.Remove(ctx, session(in.GetSession())); err != nil {
		return nil, unavailable(ctx, err)
	}
	return &pb.RemoveSessionResponse{}, nil
}

// RemoveSessions implements pb.SessionRepoServer.
func (r sessions) RemoveSessions(ctx context.Context, in *pb.RemoveSessionsRequest) (*pb.RemoveSessionsResponse, error) {
	list := make([]cache.Session, len(in.GetSessions()))
	for i, s := range in.GetSessions() {
		list[i] = session(s)
	}
	if err := r.sessions.Remove(ctx, list...); err != nil {
		return nil, unavailable(ctx, err)
	}
	out := &pb.RemoveSessionsResponse{}
	if in.GetWantWatchers() {
		out.Watched = r.watched(ctx, list)
	}
	return out, nil
}

// Registered implements pb.SessionRepoServer.
func (r sessions) Registered(ctx context.Context, in *pb.RegisteredRequest) (*pb.RegisteredResponse, error) {
	list := make([]cache.Session, len(in.GetSessions()))
	for i, s := range in.GetSessions() {
		list[i] = session(s)
	}
	found, err := r.sessions.Registered(ctx, list)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	return &pb.RegisteredResponse{Registered: found}, nil
}

// Beat implements pb.SessionRepoServer. This process counts the gateway as alive even when the cache
// did not take the beat.
func (r sessions) Beat(ctx context.Context, in *pb.BeatRequest) (*pb.BeatResponse, error) {
	heard, err := r.sessions.Beat(ctx, in.GetGatewayId(), cache.Beat{Ready: in.GetReady(), PutAt: in.PutAt, Announces: in.GetAnnounces()})
	if err != nil {
		r.logCacheError("note a gateway's beat", err)
		return &pb.BeatResponse{Away: true}, nil
	}
	return &pb.BeatResponse{Fresh: heard.Fresh, At: heard.At, DeadGateways: heard.Dead, Mute: heard.Mute}, nil
}

// Leave implements pb.SessionRepoServer.
func (r sessions) Leave(ctx context.Context, in *pb.LeaveRequest) (*pb.LeaveResponse, error) {
	if err := r.sessions.Leave(ctx, in.GetGatewayId()); err != nil {
		return nil, unavailable(ctx, err)
	}
	return &pb.LeaveResponse{}, nil
}

// Locate implements pb.SessionRepoServer.
func (r sessions) Locate(ctx context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error) {
	found := r.sessions.Locate(ctx, in.GetUserIds())
	out := &pb.LocateResponse{StaleGateways: found.Stale}
	for g, ids := range found.Gateways {
		out.Gateways = append(out.Gateways, &pb.GatewayUsers{GatewayId: g, UserIds: ids})
	}
	for _, d := range found.PartlyStale {
		out.PartlyStale = append(out.PartlyStale, &pb.PartlyStale{UserIds: d.Users, GatewayIds: d.Gateways})
	}
	return out, nil
}

// LiveGateways implements pb.SessionRepoServer.
func (r sessions) LiveGateways(ctx context.Context, _ *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error) {
	return &pb.LiveGatewaysResponse{GatewayIds: r.sessions.Live(ctx)}, nil
}
