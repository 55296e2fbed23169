package service

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

// RevokeToken implements pb.UserRepoServer.
func (r users) RevokeToken(ctx context.Context, in *pb.RevokeTokenRequest) (*pb.RevokeTokenResponse, error) {
	if err := r.store.Revoke(ctx, in.GetTokenId(), in.GetUserId(), in.GetExpiresAt()); err != nil {
		return nil, answer(err)
	}
	r.noteRevoked(ctx, store.Token{ID: in.GetTokenId(), ExpiresAt: in.GetExpiresAt()})
	return &pb.RevokeTokenResponse{}, nil
}

// noteRevoked tells this process's memory and the cache of tokens that are revoked in the database.
func (r *Repo) noteRevoked(ctx context.Context, tokens ...store.Token) {
	if len(tokens) == 0 {
		return
	}
	for _, t := range tokens {
		r.revoked.Add(t.ID, struct{}{})
	}
	r.revocations.tell(ctx, "tokens:"+tokens[0].ID, func(ctx context.Context) error { return r.cache.PutTokensRevoked(ctx, tokens...) })
}

// SignOut implements pb.UserRepoServer.
func (r users) SignOut(ctx context.Context, in *pb.SignOutRequest) (*pb.SignOutResponse, error) {
	before, err := r.store.SignOut(ctx, in.GetUserId(), in.GetBefore())
	if err != nil {
		return nil, answer(err)
	}
	r.signedOut.Add(in.GetUserId(), before)
	r.revocations.tell(ctx, "user:"+strconv.FormatInt(in.GetUserId(), 10), func(ctx context.Context) error {
		return r.cache.PutSignedOut(ctx, in.GetUserId(), before)
	})
	return &pb.SignOutResponse{Before: before}, nil
}

// IsTokenRevoked implements pb.UserRepoServer.
func (r users) IsTokenRevoked(ctx context.Context, in *pb.IsTokenRevokedRequest) (*pb.IsTokenRevokedResponse, error) {
	t := store.UsedToken{ID: in.GetTokenId(), DeviceKey: store.DeviceKey{UserID: in.GetUserId()}, IssuedAt: in.GetIssuedAt()}
	state, err := r.tokenState(ctx, cacheTokens, t)
	if err != nil {
		return nil, err
	}
	if t.UserID == 0 { // the caller is of an older release, which sends the token's id alone
		return &pb.IsTokenRevokedResponse{Revoked: state.Revoked}, nil
	}
	return &pb.IsTokenRevokedResponse{Revoked: state.Refused(t.IssuedAt), SignedOutBefore: state.SignedOutBefore}, nil
}

// tokenState reads the state of a token through the cache. A token, device or user that was revoked
// through this process counts as revoked whatever the cache says.
func (r *Repo) tokenState(ctx context.Context, kind string, t store.UsedToken) (state store.TokenState, err error) {
	if r.revoked.Contains(t.ID) {
		return store.TokenState{Revoked: true}, nil
	}
	state, known := r.cache.TokenChecked(ctx, t)
	if known {
		r.metrics.cached(kind, 1, 0)
	} else {
		r.metrics.cached(kind, 0, 1)
		states, err := r.store.CheckTokens(ctx, []store.UsedToken{t})
		if err != nil {
			return state, answer(err)
		}
		state = states[0]
		state.Orphan = state.Orphan && t.UserID != 0 // an older release does not send the user
		if !state.Revoked && !state.Orphan {
			r.logCacheError("remember a token", r.cache.PutTokenChecked(ctx, t, state))
		}
	}
	r.addRevoked(t, &state)
	return state, nil
}

// addRevoked adds to state what was revoked through this process.
func (r *Repo) addRevoked(t store.UsedToken, state *store.TokenState) {
	state.Revoked = state.Revoked || r.revoked.Contains(t.ID)
	before, _ := r.signedOut.Get(t.UserID)
	state.SignedOutBefore = max(state.SignedOutBefore, before)
	at, _ := r.forbidden.Get(t.DeviceKey)
	state.DeviceRevokedAt = max(state.DeviceRevokedAt, at)
}

// use stores that a device uses a token, before the token is accepted for the device: the revocation
// of a device has to find every token that the device has used. It returns when the device was
// revoked; 0: never.
func (r *Repo) use(ctx context.Context, t store.UsedToken, state store.TokenState) (revokedAt int64, err error) {
	if state.Used || state.Refused(t.IssuedAt) || t.IssuedAt < state.DeviceRevokedAt {
		return state.DeviceRevokedAt, nil
	}
	at, ended, err := r.store.Use(ctx, t, time.Now().UnixMilli())
	if err != nil {
		return 0, answer(err)
	}
	r.noteRevoked(ctx, ended...)
	state.Used, state.DeviceRevokedAt = true, at
	if t.IssuedAt >= at {
		r.logCacheError("remember a token", r.cache.PutTokenChecked(ctx, t, state))
	}
	return at, nil
}

// checkedAtOnce bounds one call of CheckTokens.
const checkedAtOnce = contracts.TokensBatch

// CheckTokens implements pb.UserRepoServer.
func (r users) CheckTokens(ctx context.Context, in *pb.CheckTokensRequest) (*pb.CheckTokensResponse, error) {
	if n := len(in.GetTokens()); n > checkedAtOnce {
		return nil, contracts.Invalid("tokens", fmt.Sprintf("at most %d", checkedAtOnce))
	}
	tokens := make([]store.UsedToken, len(in.GetTokens()))
	for i, t := range in.GetTokens() {
		tokens[i] = store.UsedToken{
			ID: t.GetTokenId(), DeviceKey: store.DeviceKey{UserID: t.GetUserId(), ID: t.GetDeviceId()},
			IssuedAt: t.GetIssuedAt(), ExpiresAt: t.GetExpiresAt(),
		}
	}
	states, err := r.store.CheckTokens(ctx, tokens)
	if err != nil {
		return nil, answer(err)
	}
	out := &pb.CheckTokensResponse{Refused: make([]bool, len(tokens))}
	for i, t := range tokens {
		r.addRevoked(t, &states[i])
		revokedAt := states[i].DeviceRevokedAt
		if t.DeviceKey.ID != "" {
			if revokedAt, err = r.use(ctx, t, states[i]); err != nil {
				return nil, err
			}
		}
		out.Refused[i] = states[i].Refused(t.IssuedAt) || t.IssuedAt < revokedAt
		if states[i].Revoked {
			// The cache may not have been told of the revocation.
			r.revoked.Add(t.ID, struct{}{})
			r.logCacheError("remember a revoked token", r.cache.PutTokensRevoked(ctx, store.Token{ID: t.ID, ExpiresAt: t.ExpiresAt}))
		}
	}
	return out, nil
}
