package service

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/rpc"
	rediscache "github.com/gochat/gochat/repo/cache/redis"
	"github.com/gochat/gochat/repo/store"
)

type users struct {
	pb.UnimplementedUserRepoServer
	*Repo
}

func userProto(u store.User) *pb.User {
	return &pb.User{UserId: u.ID, Username: u.Username, Nickname: u.Nickname, AvatarUrl: u.AvatarURL, CreatedAt: u.CreatedAt}
}

// users reads users through the cache.
func (r *Repo) users(ctx context.Context, ids []int64) (map[int64]store.User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out := r.cache.Users(ctx, ids)
	var ask []int64
	for _, id := range ids {
		if _, hit := out[id]; !hit {
			ask = append(ask, id)
		}
	}
	r.metrics.cached("users", len(out), len(ask))
	if len(ask) == 0 {
		return out, nil
	}
	slices.Sort(ask)
	found, err := r.once(ctx, fmt.Sprint("users ", ask), func(ctx context.Context) (any, error) { return r.load(ctx, ask) })
	if err != nil {
		return nil, err
	}
	maps.Copy(out, found.(map[int64]store.User)) //nolint:errcheck,forcetypeassert // load returns nothing else
	return out, nil
}

// load reads users from the database into the cache.
func (r *Repo) load(ctx context.Context, ids []int64) (map[int64]store.User, error) {
	found, err := r.store.ByID(ctx, ids)
	if err != nil || len(found) == 0 {
		return found, err
	}
	r.missed("remember users", r.cache.PutUsers(ctx, slices.Collect(maps.Values(found))...))
	return found, nil
}

// CreateUser implements pb.UserRepoServer.
func (r users) CreateUser(ctx context.Context, in *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	u, err := r.store.Create(ctx, store.User{
		ID: in.GetUser().GetUserId(), Username: in.GetUser().GetUsername(), Nickname: in.GetUser().GetNickname(),
		AvatarURL: in.GetUser().GetAvatarUrl(), CreatedAt: in.GetUser().GetCreatedAt(),
	}, in.GetPasswordHash())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.CreateUserResponse{User: userProto(u)}, nil
}

// GetUser implements pb.UserRepoServer.
func (r users) GetUser(ctx context.Context, in *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	found, err := r.users(ctx, []int64{in.GetUserId()})
	if err != nil {
		return nil, answer(err)
	}
	u, there := found[in.GetUserId()]
	if !there {
		return nil, answer(store.ErrNotFound)
	}
	return &pb.GetUserResponse{User: userProto(u)}, nil
}

// FindUser implements pb.UserRepoServer.
func (r users) FindUser(ctx context.Context, in *pb.FindUserRequest) (*pb.FindUserResponse, error) {
	u, _, err := r.store.ByName(ctx, in.GetUsername())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.FindUserResponse{User: userProto(u)}, nil
}

// GetCredentials implements pb.UserRepoServer.
func (r users) GetCredentials(ctx context.Context, in *pb.GetCredentialsRequest) (*pb.GetCredentialsResponse, error) {
	u, hash, err := r.store.ByName(ctx, in.GetUsername())
	if err != nil {
		return nil, answer(err)
	}
	return &pb.GetCredentialsResponse{User: userProto(u), PasswordHash: hash}, nil
}

// UpdateUser implements pb.UserRepoServer. The cache gets the new version, so
// that a reader who is late with the old one cannot put it back.
func (r users) UpdateUser(ctx context.Context, in *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error) {
	u, err := r.store.Update(ctx, in.GetUserId(), store.UserChange{Nickname: in.Nickname, AvatarURL: in.AvatarUrl})
	if err != nil {
		return nil, answer(err)
	}
	r.missed("remember a changed user", r.cache.PutUsers(ctx, u))
	return &pb.UpdateUserResponse{User: userProto(u)}, nil
}

// RevokeToken implements pb.UserRepoServer.
func (r users) RevokeToken(ctx context.Context, in *pb.RevokeTokenRequest) (*pb.RevokeTokenResponse, error) {
	if err := r.store.Revoke(ctx, in.GetTokenId(), in.GetUserId(), in.GetExpiresAt()); err != nil {
		return nil, answer(err)
	}
	r.revoked.Add(in.GetTokenId(), struct{}{})
	r.missed("remember a revoked token", r.cache.PutTokenRevoked(ctx, in.GetTokenId(), in.GetExpiresAt()))
	return &pb.RevokeTokenResponse{}, nil
}

// IsTokenRevoked implements pb.UserRepoServer.
func (r users) IsTokenRevoked(ctx context.Context, in *pb.IsTokenRevokedRequest) (*pb.IsTokenRevokedResponse, error) {
	if r.revoked.Contains(in.GetTokenId()) {
		return &pb.IsTokenRevokedResponse{Revoked: true}, nil
	}
	if revoked, known := r.cache.TokenRevoked(ctx, in.GetTokenId()); known {
		r.metrics.cached("tokens", 1, 0)
		return &pb.IsTokenRevokedResponse{Revoked: revoked}, nil
	}
	r.metrics.cached("tokens", 0, 1)
	revoked, err := r.store.IsRevoked(ctx, in.GetTokenId())
	if err != nil {
		return nil, answer(err)
	}
	if !revoked {
		r.missed("remember a token", r.cache.PutTokenFine(ctx, in.GetTokenId()))
	}
	return &pb.IsTokenRevokedResponse{Revoked: revoked}, nil
}

type sessions struct {
	pb.UnimplementedSessionRepoServer
	*Repo
}

func session(in *pb.Session) rediscache.Session {
	return rediscache.Session{
		UserID: in.GetUserId(), ConnectionID: in.GetConnectionId(), GatewayID: in.GetGatewayId(),
		DeviceID: in.GetDeviceId(), LoginAt: in.GetLoginAt(),
	}
}

// PutSessions implements pb.SessionRepoServer.
func (r sessions) PutSessions(ctx context.Context, in *pb.PutSessionsRequest) (*pb.PutSessionsResponse, error) {
	list := make([]rediscache.Session, len(in.GetSessions()))
	for i, s := range in.GetSessions() {
		list[i] = session(s)
	}
	if err := r.sessions.Put(ctx, list); err != nil {
		return nil, unavailable(ctx, err)
	}
	return &pb.PutSessionsResponse{}, nil
}

// unavailable is the answer where the cache is the only one who knows. Another storage
// role would ask the same cache, so that nobody tries again at once.
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

// Beat implements pb.SessionRepoServer. A gateway that was heard counts as alive here,
// with or without the cache.
func (r sessions) Beat(ctx context.Context, in *pb.BeatRequest) (*pb.BeatResponse, error) {
	fresh, err := r.sessions.Beat(ctx, in.GetGatewayId(), in.GetReady())
	if err != nil {
		r.missed("note a gateway's beat", err)
		return &pb.BeatResponse{Away: true}, nil
	}
	return &pb.BeatResponse{Fresh: fresh}, nil
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
	out := &pb.LocateResponse{EveryGateway: found.Every}
	for g, ids := range found.Gateways {
		out.Gateways = append(out.Gateways, &pb.GatewayUsers{GatewayId: g, UserIds: ids})
	}
	return out, nil
}

// LiveGateways implements pb.SessionRepoServer.
func (r sessions) LiveGateways(ctx context.Context, _ *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error) {
	return &pb.LiveGatewaysResponse{GatewayIds: r.sessions.Live(ctx)}, nil
}
