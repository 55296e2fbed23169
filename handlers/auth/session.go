package auth

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Logout revokes a token and closes the sockets that were opened with it.
// Errors: unauthenticated, unavailable. After an error the call may be made
// again: the sockets of a token that is revoked already are closed once more
// before it is refused.
func (s *Service) Logout(ctx context.Context, in *pb.LogoutRequest) (*pb.LogoutResponse, error) {
	tok, err := s.parse(in.GetToken())
	if err != nil {
		return nil, err
	}
	revoked, err := s.revoked(ctx, tok)
	if err != nil {
		return nil, err
	}
	if !revoked {
		_, err := s.deps.Revocations.RevokeToken(ctx, &pb.RevokeTokenRequest{
			TokenId: tok.id, UserId: int64(tok.user), ExpiresAt: tok.expires.UnixMilli(),
		})
		if err != nil {
			return nil, handlers.StoreError(err, fmt.Sprintf("revoke a token of user %s", tok.user))
		}
	}
	if err := s.closeSockets(ctx, tok); err != nil {
		return nil, err
	}
	if revoked {
		return nil, contracts.NewError(contracts.CodeUnauthenticated, "")
	}
	return &pb.LogoutResponse{}, nil
}

// closeSockets goes on when the caller has gone: the token is revoked by now,
// and its sockets must not stay open.
func (s *Service) closeSockets(ctx context.Context, tok token) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.NotifyTimeout)
	defer cancel()
	err := s.deps.Notifier.Notify(ctx, []contracts.UserID{tok.user}, &pb.Delivery{Close: &pb.Close{
		Code: contracts.CloseTokenRevoked, Reason: contracts.CloseReasonRevoked, TokenId: tok.id,
	}})
	if err != nil {
		return contracts.NewError(contracts.CodeUnavailable, "").
			WithCause(fmt.Errorf("close the sockets of a revoked token of user %s: %w", tok.user, err))
	}
	return nil
}

// Authenticate checks a token: signature, expiry, revocation; with a device also
// that the token is not older than the device's revocation. Errors:
// unauthenticated; unavailable when it cannot be told whether the token or the
// device is revoked.
func (s *Service) Authenticate(ctx context.Context, in *pb.AuthenticateRequest) (*pb.AuthenticateResponse, error) {
	tok, err := s.parse(in.GetToken())
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
		UserId: int64(tok.user), TokenId: tok.id, ExpiresAt: tok.expires.UnixMilli(), IssuedAt: tok.issued.UnixMilli(),
	}, nil
}

// refused asks for the token, and for the device where one is named, in one call.
func (s *Service) refused(ctx context.Context, tok token, device string) (bool, error) {
	if device == "" {
		return s.revoked(ctx, tok)
	}
	resp, err := s.deps.Devices.CheckDevice(ctx, &pb.CheckDeviceRequest{TokenId: tok.id, UserId: int64(tok.user), DeviceId: device})
	if err != nil {
		return false, handlers.StoreError(err, fmt.Sprintf("ask whether a device of user %s is revoked", tok.user))
	}
	return resp.GetTokenRevoked() || tok.issued.UnixMilli() < resp.GetRevokedAt(), nil
}

func (s *Service) parse(signed string) (token, error) {
	tok, err := s.keys.parse(signed)
	if err != nil {
		return token{}, contracts.NewError(contracts.CodeUnauthenticated, "").WithCause(fmt.Errorf("check a token: %w", err))
	}
	return tok, nil
}

// revoked asks each time: a cached "no" would let a token live after its logout.
func (s *Service) revoked(ctx context.Context, tok token) (bool, error) {
	resp, err := s.deps.Revocations.IsTokenRevoked(ctx, &pb.IsTokenRevokedRequest{TokenId: tok.id})
	if err != nil {
		return false, handlers.StoreError(err, fmt.Sprintf("ask whether a token of user %s is revoked", tok.user))
	}
	return resp.GetRevoked(), nil
}
