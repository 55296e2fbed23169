package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Register makes an account and its first token. Errors: invalid_argument with
// fields, username_taken, unavailable.
func (s *Service) Register(ctx context.Context, in *pb.RegisterRequest) (*pb.RegisterResponse, error) {
	if err := s.rules.Load().forms.checkRegister(in); err != nil {
		return nil, err
	}
	nickname := cmp.Or(in.GetNickname(), in.GetUsername())
	hash, err := s.hash(ctx, in.GetPassword())
	if err != nil {
		return nil, err
	}
	id, err := s.deps.IDs.Next()
	if err != nil {
		return nil, contracts.NewError(contracts.CodeUnavailable, "").WithCause(fmt.Errorf("number a new user: %w", err))
	}
	user := &pb.User{
		UserId: id, Username: in.GetUsername(), Nickname: nickname, CreatedAt: time.Now().UnixMilli(),
	}
	resp, err := s.deps.Accounts.CreateUser(ctx, &pb.CreateUserRequest{User: user, PasswordHash: hash})
	switch {
	case err == nil:
	case handlers.HasCode(err, contracts.CodeUsernameTaken), handlers.HasCode(err, contracts.CodeAlreadyExists):
		return nil, contracts.NewError(contracts.CodeUsernameTaken, "").WithCause(err)
	default:
		return nil, handlers.StoreError(err, fmt.Sprintf("create user %d", id))
	}
	grant, err := s.grant(resp.GetUser(), 0)
	if err != nil {
		return nil, err
	}
	s.throttle.remember(ctx, strings.ToLower(in.GetUsername()), in.GetAddress())
	return &pb.RegisterResponse{Grant: grant}, nil
}

// Login makes a token for a name and a password. Errors: invalid_argument with
// fields, invalid_credentials (the same, after the same work, for a wrong name
// and a wrong password), rate_limited, unavailable.
func (s *Service) Login(ctx context.Context, in *pb.LoginRequest) (*pb.LoginResponse, error) {
	if err := s.rules.Load().forms.checkLogin(in); err != nil {
		return nil, err
	}
	// Names are unique without regard to case, so they are throttled that way.
	account := strings.ToLower(in.GetUsername())
	try, wait := s.throttle.begin(ctx, account, in.GetAddress())
	if wait > 0 {
		limited := contracts.NewError(contracts.CodeRateLimited, "Too many attempts for this account; wait a little.")
		limited.RetryAfterSeconds = int((wait + time.Second - 1) / time.Second)
		return nil, limited
	}
	found, err := s.verify(ctx, in.GetUsername(), in.GetPassword())
	if err != nil {
		// The caller learned nothing about the password, so the attempt was no guess.
		if !handlers.HasCode(err, contracts.CodeInvalidCredentials) {
			s.throttle.undo(ctx, try)
		}
		return nil, err
	}
	s.throttle.succeed(ctx, try, account, in.GetAddress())
	grant, err := s.grant(found.GetUser(), found.GetSignedOutBefore())
	if err != nil {
		return nil, err
	}
	return &pb.LoginResponse{Grant: grant}, nil
}

// verify returns the account that name and password belong to. It compares one
// hash whether the account exists or not.
func (s *Service) verify(ctx context.Context, username, password string) (*pb.GetCredentialsResponse, error) {
	creds, err := s.deps.Accounts.GetCredentials(ctx, &pb.GetCredentialsRequest{Username: username})
	unknown := err != nil && handlers.HasCode(err, contracts.CodeNotFound)
	if err != nil && !unknown {
		return nil, handlers.StoreError(err, "read the credentials of an account")
	}
	hash := creds.GetPasswordHash()
	if unknown {
		hash = s.dummy
	}
	matches := false
	err = s.pool.run(ctx, func() error {
		var err error
		matches, err = s.deps.Hasher.Matches(hash, password)
		return err
	})
	if err != nil {
		return nil, hashError(err, "compare a password")
	}
	if unknown || !matches {
		return nil, contracts.NewError(contracts.CodeInvalidCredentials, "")
	}
	return creds, nil
}

func (s *Service) hash(ctx context.Context, password string) (string, error) {
	var hash string
	err := s.pool.run(ctx, func() error {
		var err error
		hash, err = s.deps.Hasher.Hash(password)
		return err
	})
	if err != nil {
		return "", hashError(err, "hash a password")
	}
	return hash, nil
}

func hashError(err error, doing string) error {
	code := contracts.CodeInternal
	if errors.Is(err, errHashQueueFull) || handlers.HasCode(err, contracts.CodeUnavailable) {
		code = contracts.CodeUnavailable
	}
	return contracts.NewError(code, "").WithCause(fmt.Errorf("%s: %w", doing, err))
}

// grant makes a token for a user. Tokens issued before signedOutBefore, in Unix milliseconds, are revoked, so
// the new one is dated no earlier.
func (s *Service) grant(user *pb.User, signedOutBefore int64) (*pb.Grant, error) {
	if user.GetUserId() <= 0 {
		return nil, contracts.NewError(contracts.CodeInternal, "").WithCause(errors.New("make a token: the store named no user"))
	}
	signed, expires, err := s.rules.Load().keys.issue(contracts.UserID(user.GetUserId()), time.Now(), signedOutBefore)
	if err != nil {
		return nil, contracts.NewError(contracts.CodeInternal, "").
			WithCause(fmt.Errorf("make a token for user %d: %w", user.GetUserId(), err))
	}
	return &pb.Grant{Token: signed, ExpiresAt: expires.UnixMilli(), User: user}, nil
}
