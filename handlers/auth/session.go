package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Logout revokes a token, or every token that was issued to its user until now, and closes the sockets that
// were opened with them. Errors: unauthenticated, unavailable. The call may be repeated after an error: of a
// token that is revoked already, the sockets are closed once more, and the answer is unauthenticated.
func (s *Service) Logout(ctx context.Context, in *pb.LogoutRequest) (*pb.LogoutResponse, error) {
	tok, err := s.parse(ctx, in.GetToken())
	if err != nil {
		return nil, err
	}
	state, err := s.revoked(ctx, tok)
	if err != nil {
		return nil, err
	}
	ended := &pb.Close{Code: contracts.CloseTokenRevoked, Reason: contracts.CloseReasonRevoked, TokenId: tok.id}
	if tok.issuedAt() < state.GetSignedOutBefore() { // its user has signed out everywhere since
		ended.TokenId, ended.IssuedBefore = "", state.GetSignedOutBefore()
	}
	if !state.GetRevoked() {
		if err := s.end(ctx, tok, in.GetEverywhere(), ended); err != nil {
			return nil, err
		}
	}
	if err := s.closeSockets(ctx, tok.user, ended); err != nil {
		return nil, err
	}
	if state.GetRevoked() {
		return nil, contracts.NewError(contracts.CodeUnauthenticated, "")
	}
	return &pb.LogoutResponse{}, nil
}

// end revokes the token, or with everywhere all tokens of its user, and sets in ended which sockets to close.
func (s *Service) end(ctx context.Context, tok token, everywhere bool, ended *pb.Close) error {
	if !everywhere {
		_, err := s.deps.Revocations.RevokeToken(ctx, &pb.RevokeTokenRequest{
			TokenId: tok.id, UserId: int64(tok.user), ExpiresAt: tok.expires.UnixMilli(),
		})
		if err != nil {
			return handlers.StoreError(err, fmt.Sprintf("revoke a token of user %s", tok.user))
		}
		return nil
	}
	// The token itself must be revoked as well, even if the clock of the process that issued it is ahead.
	before := max(time.Now().UnixMilli(), tok.issuedAt()) + 1
	resp, err := s.deps.Revocations.SignOut(ctx, &pb.SignOutRequest{UserId: int64(tok.user), Before: before})
	if err != nil {
		return handlers.StoreError(err, fmt.Sprintf("sign user %s out everywhere", tok.user))
	}
	ended.TokenId, ended.IssuedBefore = "", resp.GetBefore()
	return nil
}

// closeSockets goes on when the caller has gone: the tokens of these sockets are revoked by now, and the
// sockets must not stay open.
func (s *Service) closeSockets(ctx context.Context, user contracts.UserID, ended *pb.Close) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.rules.Load().notifyTimeout)
	defer cancel()
	if err := s.deps.Notifier.Notify(ctx, []contracts.UserID{user}, &pb.Delivery{Close: ended}); err != nil {
		return contracts.NewError(contracts.CodeUnavailable, "").
			WithCause(fmt.Errorf("close the sockets of user %s whose tokens are revoked: %w", user, err))
	}
	return nil
}

// Authenticate checks a token: signature, expiry, revocation, and that its user exists. When a device is named,
// a token that was issued before the device's revocation is refused, and the device's use of the token is noted
// before the answer. Errors: unauthenticated; unavailable when it cannot be told whether the token or the
// device is revoked.
func (s *Service) Authenticate(ctx context.Context, in *pb.AuthenticateRequest) (*pb.AuthenticateResponse, error) {
	tok, err := s.parse(ctx, in.GetToken())
	if err != nil {
		return nil, err
	}
	refused, err := s.refused(ctx, tok, in.GetDeviceId())
	if err != nil {
		return nil, err
	}
	if refused {
		return nil, contracts.NewError(contracts.CodeUnauthenticated, "")
	}
	return &pb.AuthenticateResponse{
		UserId: int64(tok.user), TokenId: tok.id, ExpiresAt: tok.expires.UnixMilli(), IssuedAt: tok.issuedAt(),
	}, nil
}

// Recheck returns those of the tokens, all of which passed Authenticate once, that are refused now. Errors:
// invalid_argument (too many), unavailable.
func (s *Service) Recheck(ctx context.Context, in *pb.RecheckRequest) (*pb.RecheckResponse, error) {
	if n := len(in.GetTokens()); n > contracts.TokensBatch {
		return nil, contracts.Invalid("tokens", fmt.Sprintf("at most %d", contracts.TokensBatch))
	}
	resp, err := s.deps.Revocations.CheckTokens(ctx, &pb.CheckTokensRequest{Tokens: in.GetTokens()})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("ask whether %d tokens are revoked", len(in.GetTokens())))
	}
	return &pb.RecheckResponse{Refused: resp.GetRefused()}, nil
}

// refused asks in one call whether the token is revoked and, when a device is named, whether the device is.
func (s *Service) refused(ctx context.Context, tok token, device string) (bool, error) {
	if device == "" {
		resp, err := s.revoked(ctx, tok)
		return resp.GetRevoked(), err
	}
	resp, err := s.deps.Devices.CheckDevice(ctx, &pb.CheckDeviceRequest{
		TokenId: tok.id, UserId: int64(tok.user), DeviceId: device, IssuedAt: tok.issuedAt(), ExpiresAt: tok.expires.UnixMilli(),
	})
	if err != nil {
		return false, handlers.StoreError(err, fmt.Sprintf("ask whether a device of user %s is revoked", tok.user))
	}
	return resp.GetTokenRevoked() || tok.issuedAt() < resp.GetRevokedAt(), nil
}

// parse checks a token, by the verifier first where there is one.
func (s *Service) parse(ctx context.Context, signed string) (token, error) {
	if s.deps.Verifier != nil {
		if who, err := s.deps.Verifier.Verify(ctx, signed); !errors.Is(err, ErrNotMine) {
			return identified(who, err)
		}
	}
	tok, err := s.rules.Load().keys.parse(signed)
	if err != nil {
		return token{}, unauthenticated(err)
	}
	return tok, nil
}

func unauthenticated(cause error) error {
	return contracts.NewError(contracts.CodeUnauthenticated, "").WithCause(fmt.Errorf("check a token: %w", cause))
}

// revoked asks the repo each time: a "not revoked" that this process remembered would let a token live after its
// logout.
func (s *Service) revoked(ctx context.Context, tok token) (*pb.IsTokenRevokedResponse, error) {
	resp, err := s.deps.Revocations.IsTokenRevoked(ctx, &pb.IsTokenRevokedRequest{
		TokenId: tok.id, UserId: int64(tok.user), IssuedAt: tok.issuedAt(),
	})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("ask whether a token of user %s is revoked", tok.user))
	}
	return resp, nil
}
