package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// Bounds of one transaction.
const (
	maxGroup      = 2048
	maxGroupBytes = 8 << 20
	saveTimeout   = 5 * time.Second
	maxTries      = 4
)

// AfterCommit is told what a transaction did, in the order of the commits and
// before the savers are answered. It must end soon; meanwhile the next
// transaction runs.
type AfterCommit func(ctx context.Context, done []store.Committed)

// Saver stores messages. While one transaction runs, the calls that come in
// gather and share the next (group commit), so that a durable commit is paid
// once for many. It implements store.Saver.
type Saver struct {
	db    *db.DB
	stmts *statements
	after AfterCommit
	log   *zap.Logger

	in        chan *call
	committed chan group
	closing   chan struct{}
	ended     chan struct{}
}

// call is one Save that waits. The saver owns results and err until done is
// closed.
type call struct {
	ctx     context.Context
	run     []store.Message
	bytes   int
	results []store.SaveResult
	err     error
	done    chan struct{}
}

type group struct {
	calls   []*call
	effects []store.Committed
}

// NewSaver starts a saver; Close ends it. after may be nil.
func NewSaver(ctx context.Context, d *db.DB, after AfterCommit, log *zap.Logger) (*Saver, error) {
	s := &Saver{
		db: d, stmts: newStatements(d.Driver()), after: after, log: log,
		in: make(chan *call, 256), committed: make(chan group), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	if d.Driver() == db.SQLite {
		if err := s.stmts.prepare(ctx, d.Writer().DB); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the saver: %w", err), s.stmts.close())
		}
	}
	go s.commitLoop()
	go s.answerLoop() //nolint:gosec // it outlives the call that starts it; Close ends it
	return s, nil
}

// Save implements store.Saver.
func (s *Saver) Save(ctx context.Context, run []store.Message) ([]store.SaveResult, error) {
	if len(run) == 0 {
		return nil, nil
	}
	c := &call{ctx: ctx, run: run, done: make(chan struct{})}
	for i := range run {
		c.bytes += len(run[i].Content)
	}
	select {
	case <-s.closing:
		return nil, store.ErrClosed
	default:
	}
	select {
	case s.in <- c:
	case <-s.closing:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to save %d messages: %w", len(run), ctx.Err())
	}
	select {
	case <-c.done:
		return c.results, c.err
	case <-s.ended:
		return c.afterEnd()
	case <-ctx.Done():
		return nil, fmt.Errorf("save %d messages, outcome unknown: %w", len(run), ctx.Err())
	}
}

// afterEnd settles a call that came in while the saver ended.
func (c *call) afterEnd() ([]store.SaveResult, error) {
	select {
	case <-c.done:
		return c.results, c.err
	default:
		return nil, store.ErrClosed
	}
}

// Close stores what has come in, then ends the saver. Call it once.
func (s *Saver) Close(ctx context.Context) error {
	close(s.closing)
	select {
	case <-s.ended:
		return s.stmts.close()
	case <-ctx.Done():
		return fmt.Errorf("close the saver: %w", ctx.Err())
	}
}

// commitLoop is the only writer of messages in this process.
func (s *Saver) commitLoop() {
	defer close(s.committed)
	var carry *call
	for {
		first := carry
		if first == nil {
			select {
			case first = <-s.in:
			case <-s.closing:
				select {
				case first = <-s.in:
				default:
					return
				}
			}
		}
		var calls []*call
		calls, carry = s.gather(first)
		if len(calls) > 0 {
			s.commit(calls)
		}
	}
}

// gather takes what is waiting, up to the bounds; the call that would break
// them is the first of the next group. Whoever stopped waiting is left out:
// nothing of theirs was written yet.
func (s *Saver) gather(first *call) (calls []*call, carry *call) {
	messages, bytes := 0, 0
	for c := first; ; {
		if len(calls) > 0 && (messages+len(c.run) > maxGroup || bytes+c.bytes > maxGroupBytes) {
			return calls, c
		}
		if err := c.ctx.Err(); err != nil {
			c.err = err
			close(c.done)
		} else {
			calls = append(calls, c)
			messages += len(c.run)
			bytes += c.bytes
		}
		select {
		case c = <-s.in:
		default:
			return calls, nil
		}
	}
}

// commit stores a group. One call that the database cannot take at all does
// not take the others with it.
func (s *Saver) commit(calls []*call) {
	effects, err := s.transact(calls)
	switch {
	case err == nil:
		s.committed <- group{calls, effects}
	case len(calls) == 1 || db.IsTransient(err):
		if db.IsTransient(err) {
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		for _, c := range calls {
			c.results, c.err = nil, err
		}
		s.committed <- group{calls: calls}
	default:
		s.log.Warn("a group of saves failed; saving one by one", zap.Int("calls", len(calls)), zap.Error(err))
		for _, c := range calls {
			s.commit([]*call{c})
		}
	}
}

// transact runs the transaction until it went through. It begins in good
// faith; when a unique key says that something is there already, it looks
// everything up first.
func (s *Saver) transact(calls []*call) ([]store.Committed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
	defer cancel()
	careful := false
	for try := 1; ; try++ {
		start := time.Now()
		effects, err := s.attempt(ctx, calls, careful)
		s.db.Observe("save messages", start)
		if err == nil {
			return effects, nil
		}
		_, taken := db.IsUniqueViolation(err)
		if try == maxTries || (!taken && !db.IsConflict(err)) {
			return nil, fmt.Errorf("save %d calls in one transaction: %w", len(calls), err)
		}
		careful = careful || taken
	}
}

// answerLoop lets the caches follow and answers the savers.
func (s *Saver) answerLoop() {
	defer close(s.ended)
	for g := range s.committed {
		if s.after != nil && len(g.effects) > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), saveTimeout)
			s.after(ctx, g.effects)
			cancel()
		}
		for _, c := range g.calls {
			close(c.done)
		}
	}
}
