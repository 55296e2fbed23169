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
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	rediscache "github.com/gochat/gochat/repo/cache/redis"
	"github.com/gochat/gochat/repo/store"
)

// Store is everything that the services need of the database.
type Store interface {
	store.Messages
	store.Conversations
	store.Members
	store.Users
	store.Tokens
}

// Repo is all repository services. Their errors are *contracts.Error. Safe for
// concurrent use.
type Repo struct {
	store    Store
	saver    store.Saver
	cache    *rediscache.Cache
	sessions *rediscache.Sessions
	log      *zap.Logger

	flights singleflight.Group
	// singles are facts of single chats, whose members never change.
	singles *lru.Cache[string, store.Facts]
	// worldly are users known to be in world, which nobody leaves.
	worldly *lru.Cache[int64, struct{}]
}

const (
	singlesKept = 100_000
	worldlyKept = 200_000
)

// New returns the services. saver's transactions are to be followed by
// [Repo.Follow].
func New(s Store, saver store.Saver, cache *rediscache.Cache, sessions *rediscache.Sessions, log *zap.Logger) (*Repo, error) {
	singles, err := lru.New[string, store.Facts](singlesKept)
	if err != nil {
		return nil, fmt.Errorf("make the cache of single chats: %w", err)
	}
	worldly, err := lru.New[int64, struct{}](worldlyKept)
	if err != nil {
		return nil, fmt.Errorf("make the cache of members of world: %w", err)
	}
	return &Repo{store: s, saver: saver, cache: cache, sessions: sessions, log: log, singles: singles, worldly: worldly}, nil
}

// Register mounts the services on a gRPC server or an in-process channel.
func (r *Repo) Register(on grpc.ServiceRegistrar) {
	pb.RegisterMessageRepoServer(on, messages{Repo: r})
	pb.RegisterConversationRepoServer(on, conversations{Repo: r})
	pb.RegisterUserRepoServer(on, users{Repo: r})
	pb.RegisterGroupRepoServer(on, groups{Repo: r})
	pb.RegisterSessionRepoServer(on, sessions{Repo: r})
}

// Follow returns what a saver calls after each of its transactions. A cache that
// cannot follow is behind, which the database corrects.
func Follow(cache *rediscache.Cache, log *zap.Logger) func(ctx context.Context, done []store.Committed) {
	return func(ctx context.Context, done []store.Committed) {
		ctx, cancel := context.WithTimeout(ctx, cacheTimeout)
		defer cancel()
		if err := cache.Follow(ctx, done); err != nil {
			log.Warn("the cache is behind the database", zap.Error(err))
		}
	}
}

// cacheTimeout bounds each detour to the cache.
const cacheTimeout = 500 * time.Millisecond

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
