// Package group makes and changes groups.
package group

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Groups reads groups.
type Groups interface {
	FindGroup(ctx context.Context, in *pb.FindGroupRequest) (*pb.FindGroupResponse, error)
	FindMembers(ctx context.Context, in *pb.FindMembersRequest) (*pb.FindMembersResponse, error)
	PageMembers(ctx context.Context, in *pb.PageMembersRequest) (*pb.PageMembersResponse, error)
}

// Changes makes and changes groups. Each change stores an announcement, which is kept until it is dropped.
type Changes interface {
	StoreGroup(ctx context.Context, in *pb.StoreGroupRequest) (*pb.StoreGroupResponse, error)
	ChangeGroup(ctx context.Context, in *pb.ChangeGroupRequest) (*pb.ChangeGroupResponse, error)
	DropAnnouncements(ctx context.Context, in *pb.DropAnnouncementsRequest) (*pb.DropAnnouncementsResponse, error)
}

// Announcer hands an announcement to the queue.
type Announcer interface {
	Announce(ctx context.Context, a *pb.Announcement) error
}

// Config configures the service.
type Config struct {
	// WholeHistory lets new members read messages from before they joined.
	WholeHistory bool `mapstructure:"whole_history"`
	// AnnounceTimeout bounds the announcement of a change. What is not announced then, the
	// janitor announces later.
	AnnounceTimeout time.Duration `mapstructure:"announce_timeout"`
	// Limits are the contract's limits, which several services share.
	Limits contracts.Limits `mapstructure:"-"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{AnnounceTimeout: 2 * time.Second, Limits: contracts.DefaultLimits()}
}

// Validate says what is wrong, naming the setting.
func (c Config) Validate() error {
	l := c.Limits
	switch {
	case c.AnnounceTimeout <= 0:
		return fmt.Errorf("group.announce_timeout %v: must be more than 0", c.AnnounceTimeout)
	case l.GroupNameMax < 1 || l.AnnouncementMax < 0 || l.GroupAddMax < 1 || l.GroupMembersMax < 1:
		return fmt.Errorf("limits: group_name_max %d, group_add_max %d and group_members_max %d must be positive, announcement_max %d not negative",
			l.GroupNameMax, l.GroupAddMax, l.GroupMembersMax, l.AnnouncementMax)
	case l.HistoryDefault < 1 || l.HistoryMax < l.HistoryDefault:
		return fmt.Errorf("limits: history_default %d must be within 1 to history_max (%d)", l.HistoryDefault, l.HistoryMax)
	}
	return nil
}

// Deps is what the service works with; one client of the repo role is Groups and Changes.
type Deps struct {
	Groups    Groups
	Changes   Changes
	Announcer Announcer
	IDs       handlers.IDs
}

// Service implements pb.GroupServiceServer. Its errors are *contracts.Error. It is safe for
// concurrent use.
type Service struct {
	pb.UnimplementedGroupServiceServer
	cfg  atomic.Pointer[Config]
	deps Deps
}

var _ pb.GroupServiceServer = (*Service)(nil)

// New returns the service.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Groups == nil || deps.Changes == nil || deps.Announcer == nil || deps.IDs == nil {
		return nil, errors.New("configure group: a dependency is missing")
	}
	s := &Service{deps: deps}
	s.Configure(cfg)
	return s, nil
}

// Configure takes another valid configuration for all calls from now on.
func (s *Service) Configure(cfg Config) { s.cfg.Store(&cfg) }

// scene is a group as its caller sees it, with the other user that the call is about (the target).
type scene struct {
	group  *pb.Group
	caller string // the caller's role; empty: not a member
	target *pb.GroupMember
}

func (s *scene) open() bool { return s.group.GetJoinPolicy() == contracts.JoinOpen }

// enter reads the group and judges whether the caller may do op. target is the user that op is about, or 0.
func (s *Service) enter(ctx context.Context, caller, group, target int64, op operation) (*scene, error) {
	if err := handlers.CheckCaller(caller); err != nil {
		return nil, err
	}
	found, err := s.deps.Groups.FindGroup(ctx, &pb.FindGroupRequest{GroupId: group})
	switch {
	case err != nil && handlers.HasCode(err, contracts.CodeNotFound), err == nil && found.GetGroup().GetDissolvedAt() != 0 && !rules[op].dissolved:
		return nil, noSuchGroup(err)
	case err != nil:
		return nil, handlers.StoreError(err, fmt.Sprintf("read group %d", group))
	}
	ask := []int64{caller}
	if target != 0 && target != caller {
		ask = append(ask, target)
	}
	members, err := s.deps.Groups.FindMembers(ctx, &pb.FindMembersRequest{GroupId: group, UserIds: ask})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("read members of group %d", group))
	}
	sc := &scene{group: found.GetGroup()}
	for _, m := range members.GetMembers() {
		if m.GetUserId() == caller {
			sc.caller = m.GetRole()
		}
		if m.GetUserId() == target {
			sc.target = m
		}
	}
	if why := rules[op].allows(sc.caller, sc.open()); why != nil {
		return nil, why
	}
	return sc, nil
}

// change makes a change and announces it. The roles that may make it come from rules, unless in.ActorRoles
// names them.
func (s *Service) change(ctx context.Context, op operation, in *pb.ChangeGroupRequest) (*pb.ChangeGroupResponse, error) {
	r := rules[op]
	if in.ActorRoles == nil {
		in.ActorRoles = r.roles
	}
	in.OpenRoles, in.AnyOpen, in.At = r.openRoles, r.outsiders, time.Now().UnixMilli()
	var err error
	if in.AnnouncementId, err = s.deps.IDs.Next(); err == nil {
		in.MessageId, err = s.deps.IDs.Next()
	}
	if err != nil {
		return nil, contracts.NewError(contracts.CodeUnavailable, "").WithCause(fmt.Errorf("number a change of a group: %w", err))
	}
	out, err := s.deps.Changes.ChangeGroup(ctx, in)
	if err != nil {
		return nil, changeError(err, fmt.Sprintf("%s in group %d", op, in.GetGroupId()))
	}
	s.announce(ctx, out.GetAnnouncement())
	return out, nil
}

// announce publishes the announcement of a change and drops it. The change is stored, so that a failure here is
// not one of the call: the announcement is kept, and the janitor publishes it.
func (s *Service) announce(ctx context.Context, a *pb.Announcement) {
	if a == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Load().AnnounceTimeout)
	defer cancel()
	err := s.deps.Announcer.Announce(ctx, a)
	if err == nil {
		_, err = s.deps.Changes.DropAnnouncements(ctx, &pb.DropAnnouncementsRequest{AnnouncementIds: []int64{a.GetAnnouncementId()}})
	}
	if err != nil {
		trace.SpanFromContext(ctx).RecordError(err)
	}
}

func noSuchGroup(cause error) *contracts.Error {
	return contracts.NewError(contracts.CodeNotFound, "There is no such group.").WithCause(cause)
}

// changeError is what the client is told when a change failed: what was checked before may
// have changed since.
func changeError(err error, doing string) error {
	for _, code := range []contracts.Code{contracts.CodePermissionDenied, contracts.CodeConflict} {
		if handlers.HasCode(err, code) {
			return contracts.NewError(code, contracts.AsError(err).Message).WithCause(fmt.Errorf("%s: %w", doing, err))
		}
	}
	if handlers.HasCode(err, contracts.CodeNotFound) {
		return contracts.NewError(contracts.CodeNotFound, "There is no such group, or no such user.").WithCause(err)
	}
	return handlers.StoreError(err, doing)
}
