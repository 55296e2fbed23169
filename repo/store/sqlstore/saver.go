package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// Bounds of one transaction, and of the calls that wait for the next one.
const (
	maxWaiting    = 256
	maxGroup      = 2048
	maxGroupBytes = 8 << 20
	saveTimeout   = 5 * time.Second
	maxTries      = 4
)

// AfterCommit is told what a transaction did, before the calls of Save are answered. A lane calls it
// in the order of its commits; lanes call it at the same time. The lane's next transaction runs
// meanwhile, and its calls are not answered before AfterCommit returns.
type AfterCommit func(ctx context.Context, done []store.Committed)

// Saver implements store.Saver. A conversation always has the same lane. Calls of a lane share
// transactions, and lanes write at the same time. On SQLite, where one connection writes, there is
// one lane.
type Saver struct {
	stmts *statements
	lanes []*lane
	seed  maphash.Seed
}

// NewSaver starts a saver with that many lanes, on SQLite with one; Close ends it. after may be nil;
// lanes call it concurrently.
func NewSaver(ctx context.Context, d *db.DB, lanes int, after AfterCommit, log *zap.Logger) (*Saver, error) {
	s := &Saver{stmts: newStatements(d.Driver()), seed: maphash.MakeSeed()}
	if d.Driver() == db.SQLite {
		lanes = 1
		if err := s.stmts.prepare(ctx, d.Writer().DB); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the saver: %w", err), s.stmts.close())
		}
	}
	for range max(lanes, 1) {
		s.lanes = append(s.lanes, newLane(d, s.stmts, after, log))
	}
	return s, nil
}

// Save implements store.Saver. The messages of each lane are stored in a transaction of their own;
// all of them are handed over before the first is waited for.
func (s *Saver) Save(ctx context.Context, run []store.Message) ([]store.SaveResult, error) {
	if len(run) == 0 {
		return nil, nil
	}
	ctx, end := s.lanes[0].db.Span(ctx, "save messages", len(run))
	out, err := s.save(ctx, run)
	end(err)
	return out, err
}

func (s *Saver) save(ctx context.Context, run []store.Message) ([]store.SaveResult, error) {
	parts := s.split(run)
	if len(parts) == 1 {
		c, err := parts[0].lane.submit(ctx, run)
		if err != nil {
			return nil, err
		}
		return parts[0].lane.wait(ctx, c)
	}
	calls := make([]*call, len(parts))
	for i, p := range parts {
		mine := make([]store.Message, len(p.at))
		for j, at := range p.at {
			mine[j] = run[at]
		}
		var err error
		if calls[i], err = p.lane.submit(ctx, mine); err != nil {
			return nil, err
		}
	}
	out := make([]store.SaveResult, len(run))
	for i, p := range parts {
		results, err := p.lane.wait(ctx, calls[i])
		if err != nil {
			return nil, err
		}
		for j, at := range p.at {
			out[at] = results[j]
		}
	}
	return out, nil
}

// part is the messages of a run that one lane stores.
type part struct {
	lane *lane
	at   []int
}

// split gives each message to the lane of its conversation.
func (s *Saver) split(run []store.Message) []part {
	if len(s.lanes) == 1 {
		return []part{{lane: s.lanes[0]}}
	}
	where := make([]int, len(s.lanes))
	var parts []part
	last, lane := "", 0
	for i := range run {
		if conv := run[i].ConversationID; i == 0 || conv != last {
			last, lane = conv, int(maphash.String(s.seed, conv)%uint64(len(s.lanes)))
		}
		if where[lane] == 0 {
			parts = append(parts, part{lane: s.lanes[lane]})
			where[lane] = len(parts)
		}
		p := &parts[where[lane]-1]
		p.at = append(p.at, i)
	}
	return parts
}

// Close stores what was submitted before, then ends the saver. Later calls of Save return
// store.ErrClosed. Call Close once.
func (s *Saver) Close(ctx context.Context) error {
	for _, l := range s.lanes {
		l.calls.Stop()
	}
	for _, l := range s.lanes {
		select {
		case <-l.ended:
		case <-ctx.Done():
			return fmt.Errorf("close the saver: %w", ctx.Err())
		}
	}
	return s.stmts.close()
}
