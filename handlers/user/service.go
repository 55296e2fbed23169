// Package user reads and changes profiles.
package user

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Profiles stores what others see of a user.
type Profiles interface {
	GetUser(ctx context.Context, in *pb.GetUserRequest) (*pb.GetUserResponse, error)
	FindUser(ctx context.Context, in *pb.FindUserRequest) (*pb.FindUserResponse, error)
	UpdateUser(ctx context.Context, in *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error)
}

// Config configures the service.
type Config struct {
	// Limits are the contract's limits, which several services share; the zero
	// value is contracts.DefaultLimits.
	Limits contracts.Limits `mapstructure:"-"`
}

// Service implements pb.UserServiceServer. Its errors are *contracts.Error. It
// is safe for concurrent use.
type Service struct {
	pb.UnimplementedUserServiceServer
	limits   atomic.Pointer[contracts.Limits]
	profiles Profiles
}

var _ pb.UserServiceServer = (*Service)(nil)

// New returns the service. It refuses limits that nothing fits.
func New(cfg Config, profiles Profiles) (*Service, error) {
	if profiles == nil {
		return nil, errors.New("configure user: profiles are missing")
	}
	if cfg.Limits == (contracts.Limits{}) {
		cfg.Limits = contracts.DefaultLimits()
	}
	if l := cfg.Limits; l.NicknameMax < 1 || l.AvatarURLMax < 0 {
		return nil, fmt.Errorf("configure user: nickname_max is %d and avatar_url_max %d: nickname_max must be positive, avatar_url_max not negative",
			l.NicknameMax, l.AvatarURLMax)
	}
	s := &Service{profiles: profiles}
	s.SetLimits(cfg.Limits)
	return s, nil
}

// SetLimits takes other limits, of a valid configuration, for all calls from now on.
func (s *Service) SetLimits(l contracts.Limits) { s.limits.Store(&l) }

// GetProfile reads any user's public profile. Errors: not_found.
func (s *Service) GetProfile(ctx context.Context, in *pb.GetProfileRequest) (*pb.GetProfileResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	user, err := s.read(ctx, in.GetUserId())
	if err != nil {
		return nil, err
	}
	return &pb.GetProfileResponse{User: user}, nil
}

func (s *Service) read(ctx context.Context, id int64) (*pb.User, error) {
	if id <= 0 {
		return nil, noSuchUser(nil)
	}
	resp, err := s.profiles.GetUser(ctx, &pb.GetUserRequest{UserId: id})
	switch {
	case err == nil:
		return resp.GetUser(), nil
	case handlers.HasCode(err, contracts.CodeNotFound):
		return nil, noSuchUser(err)
	}
	return nil, handlers.StoreError(err, fmt.Sprintf("read user %d", id))
}

// FindByName returns the user with this name, or nobody. Errors:
// invalid_argument when there is no name.
func (s *Service) FindByName(ctx context.Context, in *pb.FindByNameRequest) (*pb.FindByNameResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	name := in.GetUsername()
	switch {
	case name == "":
		return nil, contracts.Invalid("username", "the name to look for")
	case anyUsername.CheckUsername(name) != "":
		return &pb.FindByNameResponse{}, nil // nobody can be called that
	}
	resp, err := s.profiles.FindUser(ctx, &pb.FindUserRequest{Username: name})
	switch {
	case err == nil:
		return &pb.FindByNameResponse{Users: []*pb.User{resp.GetUser()}}, nil
	case handlers.HasCode(err, contracts.CodeNotFound):
		return &pb.FindByNameResponse{}, nil
	}
	return nil, handlers.StoreError(err, "find a user by name")
}

// anyUsername takes every name that any limits could have allowed at the time
// its user registered.
var anyUsername = contracts.Limits{UsernameMin: 1, UsernameMax: 255}

// UpdateProfile changes the fields that are set and returns the changed profile. Errors: invalid_argument with
// fields.
func (s *Service) UpdateProfile(ctx context.Context, in *pb.UpdateProfileRequest) (*pb.UpdateProfileResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	if err := s.checkUpdate(in); err != nil {
		return nil, err
	}
	if in.Nickname == nil && in.AvatarUrl == nil {
		user, err := s.read(ctx, in.GetCallerId())
		if err != nil {
			return nil, err
		}
		return &pb.UpdateProfileResponse{User: user}, nil
	}
	resp, err := s.profiles.UpdateUser(ctx, &pb.UpdateUserRequest{
		UserId: in.GetCallerId(), Nickname: in.Nickname, AvatarUrl: in.AvatarUrl,
	})
	switch {
	case err == nil:
		return &pb.UpdateProfileResponse{User: resp.GetUser()}, nil
	case handlers.HasCode(err, contracts.CodeNotFound):
		return nil, noSuchUser(err)
	}
	return nil, handlers.StoreError(err, fmt.Sprintf("update user %d", in.GetCallerId()))
}

func (s *Service) checkUpdate(in *pb.UpdateProfileRequest) error {
	var wrong handlers.Violations
	if in.Nickname != nil {
		wrong.Check("nickname", s.limits.Load().CheckNickname(in.GetNickname()))
	}
	if in.AvatarUrl != nil {
		wrong.Check("avatarUrl", s.checkAvatarURL(in.GetAvatarUrl()))
	}
	return wrong.Err()
}

// checkAvatarURL lets through what a browser may load as a picture; empty
// clears the picture. Other schemes (javascript:, data:) end up in other
// people's clients.
func (s *Service) checkAvatarURL(raw string) string {
	if raw == "" {
		return ""
	}
	if len(raw) > s.limits.Load().AvatarURLMax {
		return fmt.Sprintf("at most %d bytes", s.limits.Load().AvatarURLMax)
	}
	const must = "empty, or an http or https address"
	if !utf8.ValidString(raw) || strings.ContainsFunc(raw, notInURL) {
		return must
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return must
	}
	return ""
}

// notInURL reports characters that a URL has only in escaped form, but that
// url.Parse lets through.
func notInURL(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune("\"<>\\^`{|}", r)
}

func noSuchUser(cause error) error {
	return contracts.NewError(contracts.CodeNotFound, "There is no such user.").WithCause(cause)
}
