// Package service serves the repositories over gRPC: the store is the authority,
// the cache in front of it may vanish at any moment.
package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/store"
)

// Store is everything that the services need of the database.
type Store interface {
	store.Messages
	store.Conversations
	store.Epochs
	store.Members
	store.Groups
	store.Announcements
	store.Users
	store.Tokens
	store.Hooks
	store.HookStates
	store.SearchIndex
	store.SearchReader
	store.Devices
	store.Receipts
	store.Poison
	store.Refusals
	store.Retention
}

// Repo is all repository services. Their errors are *contracts.Error. Safe for
// concurrent use.
type Repo struct {
	store    Store
	saver    store.Saver
	cache    cache.Cache
	sessions cache.Sessions
	metrics  *Metrics
	log      *zap.Logger

	flights singleflight.Group
	// singles are facts of single chats, whose members never change.
	singles *lru.Cache[string, store.Facts]
	// worldly are users known to be in world, which nobody leaves.
	worldly *lru.Cache[int64, struct{}]
	// wrote are members of single chats who have written there.
	wrote *lru.Cache[store.MembershipKey, struct{}]
	// revoked are tokens that were revoked through this process: what the cache says
	// of them may be old when it could not be told.
	revoked *lru.Cache[string, struct{}]
	// searching holds one token for each search that runs.
	searching chan struct{}
	// forbidden are devices that were revoked through this process, and when, for the
	// same reason.
	forbidden *lru.Cache[store.DeviceKey, int64]
	// signedOut are users who signed out everywhere through this process, and before when
	// their tokens are revoked, for the same reason.
	signedOut *lru.Cache[int64, int64]
	// untold are revocations that the cache has not heard of.
	untold *untold
	memo   epochMemo
}

const (
	singlesKept = 100_000
	worldlyKept = 200_000
	revokedKept = 10_000

	// onceTimeout bounds a read that is made once for all who want it.
	onceTimeout = 2 * time.Second
	// quiet is how long after a failure of the cache the next is not logged.
	quiet = 5 * time.Second
)

// New returns the services. saver's transactions are to be followed by [Follow].
func New(from Store, saver store.Saver, kept cache.Cache, registry cache.Sessions, m *Metrics, log *zap.Logger) (*Repo, error) {
	r := &Repo{
		store: from, saver: saver, cache: kept, sessions: registry, metrics: m, log: seldom(log), searching: make(chan struct{}, searchesAtOnce),
	}
	r.untold = newUntold(r.log)
	var err [6]error
	r.singles, err[0] = lru.New[string, store.Facts](singlesKept)
	r.worldly, err[1] = lru.New[int64, struct{}](worldlyKept)
	r.revoked, err[2] = lru.New[string, struct{}](revokedKept)
	r.forbidden, err[3] = lru.New[store.DeviceKey, int64](revokedKept)
	r.signedOut, err[4] = lru.New[int64, int64](revokedKept)
	r.wrote, err[5] = lru.New[store.MembershipKey, struct{}](singlesKept)
	if err := errors.Join(err[:]...); err != nil {
		return nil, fmt.Errorf("make the caches of this process: %w", err)
	}
	return r, nil
}

// Close ends what runs by itself.
func (r *Repo) Close() { r.untold.close() }

// seldom returns a logger that repeats a line only now and then: a cache that is
// away fails every request.
func seldom(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, quiet, 1, 0)
	}))
}

// once makes a read once for all who want the same at the same time. It does not
// end with the first of them.
func (r *Repo) once(ctx context.Context, what string, read func(context.Context) (any, error)) (any, error) {
	v, err, _ := r.flights.Do(what, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), onceTimeout)
		defer cancel()
		return read(ctx)
	})
	return v, err
}

// Register mounts the services on a gRPC server or an in-process channel.
func (r *Repo) Register(on grpc.ServiceRegistrar) {
	pb.RegisterMessageRepoServer(on, messages{Repo: r})
	pb.RegisterConversationRepoServer(on, conversations{Repo: r})
	pb.RegisterUserRepoServer(on, users{Repo: r})
	pb.RegisterGroupRepoServer(on, groups{Repo: r})
	pb.RegisterSessionRepoServer(on, sessions{Repo: r})
	pb.RegisterFeedRepoServer(on, feed{Repo: r})
	pb.RegisterSearchRepoServer(on, searches{Repo: r})
	pb.RegisterLimitRepoServer(on, limits{Repo: r})
	pb.RegisterDeviceRepoServer(on, devices{Repo: r})
	pb.RegisterReceiptRepoServer(on, receipts{Repo: r})
	pb.RegisterPresenceRepoServer(on, presence{Repo: r})
	pb.RegisterPoisonRepoServer(on, poison{Repo: r})
	pb.RegisterRetentionRepoServer(on, retention{Repo: r})
}

// Follow returns what a saver calls after each of its transactions. A cache that
// cannot follow is behind, which the database corrects.
func Follow(kept cache.Follower, m *Metrics, log *zap.Logger) func(ctx context.Context, done []store.Committed) {
	log = seldom(log)
	return func(ctx context.Context, done []store.Committed) {
		m.committed(done)
		if err := kept.Follow(ctx, done); err != nil {
			log.Warn("the cache is behind the database", zap.Error(err))
		}
	}
}

func (r *Repo) missed(what string, err error) {
	if err != nil {
		r.log.Warn("cache: "+what, zap.Error(err))
	}
}

// answer turns a store's error into one of the contract.
func answer(err error) error {
	if err == nil {
		return nil
	}
	var known *contracts.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, store.ErrNotFound):
		return contracts.NewError(contracts.CodeNotFound, "There is no such thing, or you may not see it.").WithCause(err)
	case errors.Is(err, store.ErrUsernameTaken):
		return contracts.NewError(contracts.CodeUsernameTaken, "This username is taken.").WithCause(err)
	case errors.Is(err, store.ErrExists):
		return contracts.NewError(contracts.CodeAlreadyExists, "It exists already.").WithCause(err)
	case errors.Is(err, store.ErrForbidden):
		return contracts.NewError(contracts.CodePermissionDenied, "Your role in this group does not allow it.").WithCause(err)
	case errors.Is(err, store.ErrTooLarge):
		return contracts.NewError(contracts.CodeConflict, "The group would have more members than it may.").WithCause(err)
	case errors.Is(err, store.ErrSelf):
		return contracts.Invalid("peerId", "another user, not yourself").WithCause(err)
	case errors.Is(err, store.ErrBadCursor):
		return contracts.Invalid("cursor", "a nextCursor from a former answer").WithCause(err)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return contracts.NewError(contracts.CodeUnavailable, "The database does not answer right now; try again.").WithCause(err)
	}
	return contracts.NewError(contracts.CodeInternal, "Something went wrong in the server.").WithCause(err)
}
