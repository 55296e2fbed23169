// Package conversation serves a caller's conversations: reading them, read
// positions, typing, and the one call after a reconnect.
package conversation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Conversations stores conversations as their members see them.
type Conversations interface {
	EnsureSingle(ctx context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error)
	GetConversation(ctx context.Context, in *pb.GetConversationRequest) (*pb.GetConversationResponse, error)
	ListConversations(ctx context.Context, in *pb.ListConversationsRequest) (*pb.ListConversationsResponse, error)
	MarkRead(ctx context.Context, in *pb.MarkReadRequest) (*pb.MarkReadResponse, error)
	Sync(ctx context.Context, in *pb.SyncRequest) (*pb.SyncResponse, error)
}

// Directory knows who is in which conversation; its facts may come from a cache.
type Directory interface {
	Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error)
}

// Members lists who is in a group.
type Members interface {
	ListMemberIDs(ctx context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error)
}

// Config configures the service. Zero values are replaced by DefaultConfig's.
type Config struct {
	// ListMax and ListDefault are conversations a page.
	ListMax     int `mapstructure:"list_max"`
	ListDefault int `mapstructure:"list_default"`
	// TypingGroupMax is the size of group, in members, up to which typing is
	// passed on.
	TypingGroupMax int `mapstructure:"typing_group_max"`
	// NotifyTimeout bounds the notification of sockets.
	NotifyTimeout time.Duration `mapstructure:"notify_timeout"`
	// Limits are the contract's limits, which several services share.
	Limits contracts.Limits `mapstructure:"-"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{}.withDefaults() }

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.ListMax, 200)
	def(&c.ListDefault, min(50, c.ListMax))
	def(&c.TypingGroupMax, 500)
	if c.NotifyTimeout == 0 {
		c.NotifyTimeout = 2 * time.Second
	}
	if c.Limits == (contracts.Limits{}) {
		c.Limits = contracts.DefaultLimits()
	}
	return c
}

// Validate says what is wrong, naming the setting.
func (c Config) Validate() error {
	switch {
	case c.ListMax < 1 || c.ListMax > math.MaxInt32:
		return fmt.Errorf("conversation.list_max is %d: it must be positive", c.ListMax)
	case c.ListDefault < 1 || c.ListDefault > c.ListMax:
		return fmt.Errorf("conversation.list_default is %d: it must be within 1 to conversation.list_max (%d)", c.ListDefault, c.ListMax)
	case c.TypingGroupMax < 1 || c.TypingGroupMax > math.MaxInt32:
		return fmt.Errorf("conversation.typing_group_max is %d: it must be positive", c.TypingGroupMax)
	case c.NotifyTimeout < 0:
		return fmt.Errorf("conversation.notify_timeout is %s: it must be positive", c.NotifyTimeout)
	case c.Limits.HistoryMax < 1 || c.Limits.HistoryMax > math.MaxInt32:
		return fmt.Errorf("limits.history_max is %d: it must be positive", c.Limits.HistoryMax)
	case c.Limits.HistoryDefault < 1 || c.Limits.HistoryDefault > c.Limits.HistoryMax:
		return fmt.Errorf("limits.history_default is %d: it must be within 1 to limits.history_max (%d)", c.Limits.HistoryDefault, c.Limits.HistoryMax)
	case c.Limits.SyncConversations < 1:
		return fmt.Errorf("limits.sync_conversations is %d: it must be positive", c.Limits.SyncConversations)
	}
	return nil
}

// Deps is what the service works with; one client of the repo role's ConversationRepo serves as Conversations
// and as Directory.
type Deps struct {
	Conversations Conversations
	Directory     Directory
	Members       Members
	Notifier      handlers.Notifier
}

// Service implements pb.ConversationServiceServer. Its errors are *contracts.Error: not_found, by every verb,
// for a conversation that the caller is not in. It is safe for concurrent use.
type Service struct {
	pb.UnimplementedConversationServiceServer
	cfg  atomic.Pointer[Config]
	deps Deps
}

var _ pb.ConversationServiceServer = (*Service)(nil)

// New returns the service.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure conversation: %w", err)
	}
	if deps.Conversations == nil || deps.Directory == nil || deps.Members == nil || deps.Notifier == nil {
		return nil, errors.New("configure conversation: a dependency is missing")
	}
	s := &Service{deps: deps}
	s.Configure(cfg)
	return s, nil
}

// Configure takes another valid configuration for all calls from now on.
func (s *Service) Configure(cfg Config) { s.cfg.Store(&cfg) }

// notify has a timeout of its own, so that a slow queue does not use up the caller's deadline.
func (s *Service) notify(ctx context.Context, to []contracts.UserID, d *pb.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Load().NotifyTimeout)
	defer cancel()
	if err := s.deps.Notifier.Notify(ctx, to, d); err != nil {
		return fmt.Errorf("notify %d users: %w", len(to), err)
	}
	return nil
}

// pageSize checks the limit that a call asks for; 0 asks for def.
func pageSize(asked int32, def, most int) (int32, error) {
	if asked == 0 {
		return int32(def), nil //nolint:gosec // a small configured number
	}
	if asked < 0 || int(asked) > most {
		return 0, contracts.Invalid("limit", fmt.Sprintf("1 to %d", most))
	}
	return asked, nil
}

func noSuchConversation(cause error) error {
	return contracts.NewError(contracts.CodeNotFound, "There is no such conversation.").WithCause(cause)
}
