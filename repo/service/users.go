package service

import (
	"context"
	"fmt"
	"maps"
	"slices"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
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
	r.metrics.cached(cacheUsers, len(out), len(ask))
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
	r.logCacheError("remember users", r.cache.PutUsers(ctx, slices.Collect(maps.Values(found))...))
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
	before, err := r.store.SignedOut(ctx, u.ID)
	if err != nil {
		return nil, answer(err)
	}
	return &pb.GetCredentialsResponse{User: userProto(u), PasswordHash: hash, SignedOutBefore: before}, nil
}

// UpdateUser implements pb.UserRepoServer. The cache gets the new version, which a concurrent
// reader that still has the old one cannot overwrite.
func (r users) UpdateUser(ctx context.Context, in *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error) {
	u, err := r.store.Update(ctx, in.GetUserId(), store.UserChange{Nickname: in.Nickname, AvatarURL: in.AvatarUrl})
	if err != nil {
		return nil, answer(err)
	}
	r.logCacheError("remember a changed user", r.cache.PutUsers(ctx, u))
	return &pb.UpdateUserResponse{User: userProto(u)}, nil
}
