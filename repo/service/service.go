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
type Store interface { //nolint:interfacebloat // put together of small ones
	store.Messages
	store.Singles
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
	// inWorld are users known to be in world, which nobody leaves.
	inWorld *lru.Cache[int64, struct{}]
	// wrote are members of single chats who have written there.
	wrote *lru.Cache[store.MembershipKey, struct{}]
	// revoked are tokens that were revoked through this process. They count as revoked
	// whatever the cache says, which may not have been told yet.
	revoked *lru.Cache[string, struct{}]
	// searching holds one token for each search that runs.
	searching chan struct{}
	// forbidden are devices that were revoked through this process, with the time of the
	// revocation. They are kept for the same reason as revoked.
	forbidden *lru.Cache[store.DeviceKey, int64]
	// signedOut are users who signed out everywhere through this process, with the time: their
	// tokens from before are revoked. They are kept for the same reason as revoked.
	signedOut *lru.Cache[int64, int64]
	// revocations repeats revocations to the cache until it has taken them.
	revocations *revocationRetries
	memo        epochMemo
}

const (
	singlesKept = 100_000
	inWorldKept = 200_000
	revokedKept = 10_000

	// onceTimeout bounds a read that concurrent callers share.
	onceTimeout = 2 * time.Second
	// quiet is how long equal log lines are dropped after the first.
	quiet = 5 * time.Second
)

// New returns the services. The caller has made saver with [Follow] as what it calls after each
// transaction; without it the cache learns of no stored message.
func New(from Store, saver store.Saver, kept cache.Cache, registry cache.Sessions, m *Metrics, log *zap.Logger) (*Repo, error) {
	r := &Repo{
		store: from, saver: saver, cache: kept, sessions: registry, metrics: m, log: seldom(log), searching: make(chan struct{}, searchesAtOnce),
	}
	r.revocations = newRevocationRetries(r.log)
	var err [6]error
	r.singles, err[0] = lru.New[string, store.Facts](singlesKept)
	r.inWorld, err[1] = lru.New[int64, struct{}](inWorldKept)
	r.revoked, err[2] = lru.New[string, struct{}](revokedKept)
	r.forbidden, err[3] = lru.New[store.DeviceKey, int64](revokedKept)
	r.signedOut, err[4] = lru.New[int64, int64](revokedKept)
	r.wrote, err[5] = lru.New[store.MembershipKey, struct{}](singlesKept)
	if err := errors.Join(err[:]...); err != nil {
		return nil, fmt.Errorf("make the caches of this process: %w", err)
	}
	return r, nil
}

// Close ends the goroutine that repeats revocations to the cache. It closes nothing that New was given.
func (r *Repo) Close() { r.revocations.close() }

// seldom returns a logger that repeats a line only now and then: a cache that is
// away fails every request.
func seldom(log *zap.Logger) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, quiet, 1, 0)
	}))
}

// once calls read once for all concurrent callers with the same what. The read has a deadline of
// its own, onceTimeout, and goes on when the context of the caller that began it ends.
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

// Follow returns the function that a saver calls after each of its transactions: it counts the
// messages and tells the cache. A cache that could not be told is behind the database; its readers
// notice a gap and ask the database.
func Follow(kept cache.Follower, m *Metrics, log *zap.Logger) func(ctx context.Context, done []store.Committed) {
	log = seldom(log)
	return func(ctx context.Context, done []store.Committed) {
		m.committed(done)
		if err := kept.Follow(ctx, done); err != nil {
			log.Warn("the cache is behind the database", zap.Error(err))
		}
	}
}

func (r *Repo) logCacheError(what string, err error) {
	if err != nil {
		r.log.Warn("the cache failed: could not "+what, zap.Error(err))
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
