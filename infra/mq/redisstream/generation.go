package redisstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

// beatEvery bounds the time between two beats, by which a member learns how many members there are.
const beatEvery = time.Second

// errLost: another member has the lease, or the lease was taken from another server than the one that answers
// now, or from this one before its restart.
var errLost = errors.New("the lease is not ours any more, or the server another one")

// generation is a period in which a member may gain shards and loses none; losing one ends it. One goroutine
// reads all of its shards, which share one set of lanes.
type generation struct {
	*member
	lanes  *mq.Lanes
	ctx    context.Context // done: nothing is read, delivered or taken any more
	cancel context.CancelFunc

	mu    sync.Mutex
	owned map[string]*shard // by stream
	share int               // how many shards are this member's
	// renewed is when the last renewal of all leases began, by a clock that does not stop while the process
	// does.
	renewed time.Time
}

func newGeneration(ctx context.Context, m *member) *generation {
	g := &generation{member: m, owned: map[string]*shard{}, renewed: time.Now()}
	g.ctx, g.cancel = context.WithCancel(ctx)
	g.lanes = mq.NewLanes(ctx, m.s.cfg, m.out)
	g.lanes.Gate(g.sure)
	return g
}

// run returns when the generation is over, all that was in flight is finished, and
// its shards are given up. Leases are renewed until then, however long it takes.
func (g *generation) run() {
	defer g.cancel()
	lasting, stop := context.WithCancel(context.WithoutCancel(g.ctx))
	defer stop()
	_ = g.beat(lasting) // renew tries again soon
	g.seize()
	var beating, reading sync.WaitGroup
	beating.Go(func() { g.renew(lasting) })
	reading.Go(func() { g.s.t.read(g.ctx, g.positions, g.take, g.log) })
	for pause.For(g.ctx.Done(), hungry) {
		g.seize()
		if err := g.save(g.ctx); errors.Is(err, errLost) {
			g.over(err)
		} else if err != nil && g.ctx.Err() == nil {
			g.failed(err)
		}
	}
	reading.Wait()
	g.lanes.Drain()
	stop()
	beating.Wait()
	g.leave()
}

// sure reports whether it is certain that nobody else owns our shards now. The first false ends the
// generation, since lanes that got it deliver nothing any more.
func (g *generation) sure() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ctx.Err() != nil {
		return false
	}
	if len(g.owned) > 0 && time.Since(g.renewed) >= g.sureFor() {
		g.cancel()
		return false
	}
	return true
}

// renew beats until ctx is done. It goes on after a lease was lost, since records of other shards may be in
// flight.
func (g *generation) renew(ctx context.Context) {
	every := min(g.s.t.cfg.Lease/4, beatEvery)
	next := every
	for pause.For(ctx.Done(), next) {
		next = every
		if err := g.beat(ctx); err != nil {
			next = retryPause
		}
	}
}

// beat tells the group that the member lives, renews its leases and learns its share. It ends the generation
// when a lease is lost or in doubt, or when the member has more than its share.
func (g *generation) beat(ctx context.Context) error {
	begun := time.Now()
	members, err := g.prolong(ctx)
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, errLost):
		g.over(err)
		return err
	case err != nil:
		g.failed(err)
		g.sure()
		return err
	}
	g.succeeded()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.renewed = begun
	g.share = (g.shards + members - 1) / members
	if len(g.owned) > g.share {
		g.cancel() // another member gets what is too much
	}
	return nil
}

// over ends the generation, and logs why.
func (g *generation) over(err error) {
	if g.ctx.Err() == nil {
		g.log.Warn("this worker lost a lease; it starts again at its cursors", zap.Error(err))
	}
	g.cancel()
}

func (g *generation) prolong(ctx context.Context) (members int, err error) {
	t := g.s.t
	ctx, cancel := g.hold(ctx)
	defer cancel()
	names, args := []string{t.keys.members(g.topic, g.group)}, []any{g.id, t.cfg.Lease.Milliseconds()}
	for _, s := range g.mine() {
		names, args = append(names, t.keys.lease(g.topic, g.group, s.number)), append(args, s.lease)
	}
	answer, err := t.scripts.beat.Run(ctx, t.rdb, names, args...).Int64Slice()
	if err != nil {
		return 0, fmt.Errorf("renew %d leases: %w", len(names)-1, err)
	}
	if lost := answer[1]; lost > 0 {
		return 0, fmt.Errorf("renew %s: %w", names[lost], errLost)
	}
	return int(answer[0]), nil
}

// mine returns the owned shards.
func (g *generation) mine() []*shard {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]*shard, 0, len(g.owned))
	for _, s := range g.owned {
		out = append(out, s)
	}
	return out
}

// seize takes free shards, up to the share, in a random order.
func (g *generation) seize() {
	t := g.s.t
	names := []string{t.keys.token(), t.keys.cursors(g.topic, g.group)}
	args := []any{g.id, t.cfg.Lease.Milliseconds(), 0}
	g.mu.Lock()
	want := g.share - len(g.owned)
	for _, n := range rand.Perm(g.shards) { //nolint:gosec // any order does
		if g.owned[t.keys.stream(g.topic, n)] == nil {
			names, args = append(names, t.keys.lease(g.topic, g.group, n)), append(args, n)
		}
	}
	g.mu.Unlock()
	if want <= 0 {
		return
	}
	args[2] = want
	begun := time.Now()
	ctx, cancel := g.hold(g.ctx)
	defer cancel()
	got, err := t.scripts.seize.Run(ctx, t.rdb, names, args...).StringSlice()
	if errors.Is(err, redis.Nil) {
		// The topic was deleted. If it was made again, the group is new to it.
		err = g.enroll(g.ctx, mq.StartOldest)
	}
	if err == nil {
		err = g.own(got, begun)
	}
	if err != nil && g.ctx.Err() == nil && !errors.Is(err, mq.ErrUnknownTopic) {
		g.failed(err)
	}
}

// own starts reading the shards that were seized; got has three strings for each.
func (g *generation) own(got []string, begun time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for ; len(got) >= 3; got = got[3:] {
		at, err := parseCursor(got[2])
		if err != nil {
			return err
		}
		var number int
		if _, err := fmt.Sscan(got[0], &number); err != nil {
			return fmt.Errorf("read the shard %q: %w", got[0], err)
		}
		s := newShard(number, g.s.t.keys.stream(g.topic, number), got[1], at)
		s.source = g.lanes.Source(s.mark)
		if len(g.owned) == 0 {
			g.renewed = begun // there was nothing to renew
		}
		g.owned[s.stream] = s
	}
	return nil
}

// positions returns, by stream, the ids behind which to read on.
func (g *generation) positions() map[string]string {
	out := map[string]string{}
	for _, s := range g.mine() {
		out[s.stream] = s.position()
	}
	return out
}

// take feeds one entry.
func (g *generation) take(stream string, x redis.XMessage) bool {
	g.mu.Lock()
	s := g.owned[stream]
	g.mu.Unlock()
	return s.source.Feed(g.ctx, mq.Record{Offset: s.next(x.ID), Message: decode(x)})
}

// save moves the cursors of owned shards to their low-water marks; errLost when a shard is not ours any more.
func (g *generation) save(ctx context.Context) error {
	t := g.s.t
	names, args := []string{t.keys.cursors(g.topic, g.group)}, []any{}
	places := map[*shard]cursor{}
	for _, s := range g.mine() {
		if at, yes := s.unsaved(); yes {
			names = append(names, t.keys.lease(g.topic, g.group, s.number))
			args = append(args, s.lease, s.number, at.String())
			places[s] = at
		}
	}
	if len(places) == 0 {
		return nil
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	lost, err := t.scripts.mark.Run(ctx, t.rdb, names, args...).Int()
	if err != nil {
		return fmt.Errorf("save %d cursors: %w", len(places), err)
	}
	if lost > 0 {
		return fmt.Errorf("save the cursor under %s: %w", names[lost], errLost)
	}
	for s, at := range places {
		s.save(at)
	}
	return nil
}

// leave saves the cursors and gives the shards up.
func (g *generation) leave() {
	ctx := context.WithoutCancel(g.ctx)
	if err := g.save(ctx); err != nil {
		g.log.Warn("cursors were not saved at the end: what is beyond them comes again", zap.Error(err))
	}
	mine := g.mine()
	if len(mine) == 0 {
		return
	}
	t := g.s.t
	var names []string
	var args []any
	for _, s := range mine {
		names, args = append(names, t.keys.lease(g.topic, g.group, s.number)), append(args, s.lease)
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	if err := t.scripts.release.Run(ctx, t.rdb, names, args...).Err(); err != nil {
		g.log.Debug("shards were not given up; their leases run out", zap.Error(err))
	}
}
