package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/batch"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// lane stores messages of some conversations. While one transaction runs, the calls
// that come in gather and share the next (group commit), so that a durable commit is
// paid once for many.
type lane struct {
	db    *db.DB
	stmts *statements
	after AfterCommit
	log   *zap.Logger

	calls     *batch.Batcher[saving]
	committed chan group
	ended     chan struct{}
}

// saving is what one Save wants of a lane, which owns results and err until the call is answered.
type saving struct {
	run     []store.Message
	bytes   int
	results []store.SaveResult
	err     error
}

// call is a saving that waits.
type call = batch.Call[saving]

type group struct {
	calls   []*call
	effects []store.Committed
}

func newLane(d *db.DB, stmts *statements, after AfterCommit, log *zap.Logger) *lane {
	s := &lane{db: d, stmts: stmts, after: after, log: log, committed: make(chan group), ended: make(chan struct{})}
	// One group of calls at a time: no other lane of this process writes messages of these conversations.
	s.calls = batch.New(batch.Config[saving]{
		Waiting: maxWaiting, Count: maxGroup, Bytes: maxGroupBytes, AtOnce: 1, Work: s.commit,
		Size: func(v saving) (count, bytes int) { return len(v.run), v.bytes },
	})
	go s.answerLoop()
	return s
}

// submit hands a run over; wait waits for it.
func (s *lane) submit(ctx context.Context, run []store.Message) (*call, error) {
	v := saving{run: run}
	for i := range run {
		v.bytes += len(run[i].Content)
	}
	c, err := s.calls.Submit(ctx, v)
	switch {
	case errors.Is(err, batch.ErrClosed):
		return nil, store.ErrClosed
	case err != nil:
		return nil, fmt.Errorf("wait to save %d messages: %w", len(run), err)
	}
	return c, nil
}

func (s *lane) wait(ctx context.Context, c *call) ([]store.SaveResult, error) {
	err := c.Wait(ctx)
	switch {
	case errors.Is(err, batch.ErrClosed):
		return nil, store.ErrClosed
	case errors.Is(err, batch.ErrUnknown):
		return nil, fmt.Errorf("save %d messages: %w", len(c.Value.run), err)
	case err != nil:
		return nil, err
	}
	return c.Value.results, nil
}

// commit stores a group of calls; answerLoop answers them. When the database cannot take one call
// at all, the calls are stored one by one, so that the others succeed.
func (s *lane) commit(calls []*call) {
	effects, err := s.transact(calls)
	switch {
	case err == nil:
		s.committed <- group{calls, effects}
	case len(calls) == 1 || away(err):
		if away(err) {
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		for _, c := range calls {
			c.Value.results, c.Value.err = nil, err
		}
		s.committed <- group{calls: calls}
	default:
		s.log.Warn("a group of saves failed; saving one by one", zap.Int("calls", len(calls)), zap.Error(err))
		for _, c := range calls {
			s.commit([]*call{c})
		}
	}
}

// transact repeats the transaction until it is committed, at most maxTries times. The first attempt
// assumes that nothing is stored yet. After a unique key was violated, or a lost connection left
// that open, the next attempts are careful: they first look up what is stored.
func (s *lane) transact(calls []*call) ([]store.Committed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	careful := false
	for try := 1; ; try++ {
		start := time.Now()
		effects, err := s.attempt(ctx, calls, careful)
		s.db.Observe("save messages", start, err)
		if err == nil {
			return effects, nil
		}
		_, taken := db.IsUniqueViolation(err)
		lost, conflict := db.IsLost(err), db.IsConflict(err)
		if try == maxTries || (!taken && !lost && !conflict) || !taken && !db.Pause(ctx, try) {
			return nil, fmt.Errorf("save %d calls in one transaction: %w", len(calls), db.Private(err))
		}
		careful = careful || taken || lost
	}
}

// answerLoop calls after and then answers the calls of each group, until the batcher is done.
func (s *lane) answerLoop() {
	defer close(s.ended)
	for {
		select {
		case g := <-s.committed:
			s.answer(g)
		case <-s.calls.Done():
			return
		}
	}
}

func (s *lane) answer(g group) {
	if s.after != nil && len(g.effects) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
		s.after(ctx, g.effects)
		cancel()
	}
	for _, c := range g.calls {
		c.Answer(c.Value.err)
	}
}
