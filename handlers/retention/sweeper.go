package retention

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Store takes away at most Limit messages or records with each call, and says whether there are more.
type Store interface {
	ExpireMessages(ctx context.Context, in *pb.ExpireMessagesRequest) (*pb.ExpireMessagesResponse, error)
	ForgetRecords(ctx context.Context, in *pb.ForgetRecordsRequest) (*pb.ForgetRecordsResponse, error)
}

// Observer is told what was done. It is called by one goroutine.
type Observer interface {
	// Expired: one batch took the content of so many messages; overdue is by how much the oldest of them had
	// outlived its retention.
	Expired(messages int64, overdue time.Duration)
	// Forgot: one batch deleted so many records.
	Forgot(poison, webhookAttempts int64)
	// Ended: a round has ended at a time. After an error the next round tries again.
	Ended(at time.Time, err error)
}

// Sweeper takes away what was kept long enough, round by round. It keeps no state of its own: after a crash,
// the next sweeper goes on where this one was interrupted.
type Sweeper struct {
	store   Store
	observe Observer
	now     atomic.Pointer[Config]
	// changed wakes the sweeper for another configuration.
	changed chan struct{}
}

// New returns a sweeper of a valid configuration.
func New(cfg Config, store Store, observe Observer) (*Sweeper, error) {
	if store == nil || observe == nil {
		return nil, errors.New("configure retention: store or observer is missing")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sweeper{store: store, observe: observe, changed: make(chan struct{}, 1)}
	s.now.Store(&cfg)
	return s, nil
}

// Configure takes another valid configuration, and begins a round with it if it differs. An error changes
// nothing. Safe for concurrent use.
func (s *Sweeper) Configure(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if *s.now.Swap(&cfg) == cfg {
		return nil
	}
	select {
	case s.changed <- struct{}{}:
	default: // Run is still to be woken, and will read this configuration
	}
	return nil
}

// settling bounds the wait before the first round: when all roles start together, the store comes up a moment
// after the sweeper.
const settling = 10 * time.Second

// Run does a round at every interval until ctx is done, the first one after 10 s at most. One
// goroutine runs it.
func (s *Sweeper) Run(ctx context.Context) error {
	wait := min(s.now.Load().Interval, settling)
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.changed:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
		s.observed(ctx)
		wait = s.now.Load().Interval
	}
}

// observed does a round and reports how it ended, unless ctx has ended by then.
func (s *Sweeper) observed(ctx context.Context) {
	if err := s.round(ctx); ctx.Err() == nil {
		s.observe.Ended(time.Now(), err)
	}
}

// round goes on until nothing is due. It looks for messages even when no kind of conversation has a retention,
// since a conversation may have one of its own. Records are deleted even while messages cannot be.
func (s *Sweeper) round(ctx context.Context) error {
	return errors.Join(s.drain(ctx, s.expire), s.drain(ctx, s.forget))
}

// drain takes batch after batch until there is no more.
func (s *Sweeper) drain(ctx context.Context, batch func(context.Context, Config) (bool, error)) error {
	for {
		cfg := *s.now.Load()
		more, err := bounded(ctx, cfg, batch)
		if err != nil || !more {
			return err
		}
		select {
		case <-time.After(cfg.Pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func bounded(ctx context.Context, cfg Config, batch func(context.Context, Config) (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	return batch(ctx, cfg)
}

func (s *Sweeper) expire(ctx context.Context, cfg Config) (more bool, err error) {
	out, err := s.store.ExpireMessages(ctx, &pb.ExpireMessagesRequest{
		SingleMs: cfg.Single.Milliseconds(), GroupMs: cfg.Group.Milliseconds(), WorldMs: cfg.World.Milliseconds(),
		Limit: int32(cfg.Batch), //nolint:gosec // bounded by Validate
	})
	if err != nil {
		return false, fmt.Errorf("expire messages: %w", err)
	}
	s.observe.Expired(out.GetMessages(), time.Duration(out.GetOverdueMs())*time.Millisecond)
	return out.GetMore(), nil
}

func (s *Sweeper) forget(ctx context.Context, cfg Config) (more bool, err error) {
	if cfg.Poison == 0 && cfg.WebhookAttempts == 0 {
		return false, nil
	}
	now := time.Now()
	out, err := s.store.ForgetRecords(ctx, &pb.ForgetRecordsRequest{
		PoisonBefore: before(now, cfg.Poison), WebhookAttemptsBefore: before(now, cfg.WebhookAttempts),
		Limit: int32(cfg.Batch), //nolint:gosec // bounded by Validate
	})
	if err != nil {
		return false, fmt.Errorf("forget records: %w", err)
	}
	s.observe.Forgot(out.GetPoison(), out.GetWebhookAttempts())
	return out.GetMore(), nil
}

// before returns the time, in Unix milliseconds, before which records are deleted; 0: none are.
func before(now time.Time, kept time.Duration) int64 {
	if kept == 0 {
		return 0
	}
	return now.Add(-kept).UnixMilli()
}
