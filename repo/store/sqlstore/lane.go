package sqlstore

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

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

func newLane(d *db.DB, stmts *statements, after AfterCommit, log *zap.Logger) *lane {
	s := &lane{
		db: d, stmts: stmts, after: after, log: log,
		in: make(chan *call, 256), committed: make(chan group), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.commitLoop()
	go s.answerLoop()
	return s
}

// submit hands a run over; wait waits for it.
func (s *lane) submit(ctx context.Context, run []store.Message) (*call, error) {
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
		return c, nil
	case <-s.closing:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to save %d messages: %w", len(run), ctx.Err())
	}
}

func (s *lane) wait(ctx context.Context, c *call) ([]store.SaveResult, error) {
	select {
	case <-c.done:
		return c.results, c.err
	case <-s.ended:
		return c.afterEnd()
	case <-ctx.Done():
		return nil, fmt.Errorf("save %d messages, outcome unknown: %w", len(c.run), ctx.Err())
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

// commitLoop is the only one in this process that writes messages of its
// conversations.
func (s *lane) commitLoop() {
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
func (s *lane) gather(first *call) (calls []*call, carry *call) {
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
// faith; when a unique key says that something is there already, or a lost
// connection leaves that open, it looks everything up first.
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

// answerLoop lets the caches follow and answers the savers.
func (s *lane) answerLoop() {
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
