package redisstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// hungry is how often a member looks for shards while it has less than its share.
const hungry = 200 * time.Millisecond

// member is one worker of a group for one topic.
type member struct {
	s      *subscriber
	topic  string
	shards int
	id     string
	out    chan<- *message.Message
	log    *zap.Logger
}

// enroll makes the group known, so that nothing is trimmed that it has not had, and
// fixes where it begins.
func (m *member) enroll(ctx context.Context) error {
	t := m.s.t
	from, err := m.s.begin(ctx, m.topic, m.shards)
	if err != nil {
		return err
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	pipe := t.rdb.TxPipeline()
	for shard := range m.shards {
		// A group that is there already goes on where it is.
		pipe.HSetNX(ctx, t.cursorKey(m.topic, m.s.cfg.Group), strconv.Itoa(shard), from[t.streamKey(m.topic, shard)])
	}
	pipe.SAdd(ctx, t.groupsKey(m.topic), m.s.cfg.Group)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("enroll in group %s: %w", m.s.cfg.Group, err)
	}
	return nil
}

// run works in generations until ctx is done: each begins with no shard and ends
// when one is lost or must be given to another member.
func (m *member) run(ctx context.Context) {
	for ctx.Err() == nil {
		g := &generation{member: m, owned: map[int]*shard{}}
		g.run(ctx)
		// Others have the first look at what was given up.
		wait(ctx, hungry)
	}
	bye, cancel := m.s.t.bounded(context.WithoutCancel(ctx))
	defer cancel()
	if err := m.s.t.rdb.ZRem(bye, m.s.t.membersKey(m.topic, m.s.cfg.Group), m.id).Err(); err != nil {
		m.log.Debug("the group was not told that this member leaves; it forgets it by itself", zap.Error(err))
	}
}

// generation is a time in which shards are only added.
type generation struct {
	*member
	lanes  *mq.Lanes
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	owned map[int]*shard
	// renewed is when the leases were last known to be ours, by the clock that goes on
	// while the process stands still.
	renewed time.Time
}

// shard is one that is owned.
type shard struct {
	number int
	stream string
	lease  string // what the lease holds
	source *mq.Source

	// of the reader:
	read string // the last id that was fed

	mu     sync.Mutex
	fed    uint64   // offset of the last entry
	first  uint64   // offset of ids[0]
	ids    []string // of what was fed and is not below the mark
	marked string   // the id at the low-water mark
	saved  string   // the cursor at Redis
}

// run returns when the generation is over, all that was in flight is finished, and
// its shards are given up.
func (g *generation) run(ctx context.Context) {
	g.ctx, g.cancel = context.WithCancel(ctx)
	defer g.cancel()
	g.lanes = mq.NewLanes(ctx, g.s.cfg, g.out)
	g.lanes.Gate(g.sure)
	g.renewed = time.Now()
	var reading sync.WaitGroup
	reading.Go(func() { g.s.t.read(g.ctx, g.positions, g.take, g.log) })
	g.keep()
	g.cancel()
	reading.Wait()
	g.lanes.Drain()
	g.leave(context.WithoutCancel(ctx))
}

// sure reports whether nobody else can own our shards now. When somebody may, the
// generation is over, even if the leases turn out to be ours still: a lane that was
// told no stands still until it is drained.
func (g *generation) sure() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.renewed) >= g.s.t.cfg.Lease*2/3 {
		g.cancel()
	}
	return g.ctx.Err() == nil
}

// keep takes shards, renews leases and saves cursors until the generation is over.
func (g *generation) keep() {
	beat := g.s.t.cfg.Lease / 4
	var beaten time.Time
	share := g.shards
	for g.ctx.Err() == nil {
		if time.Since(beaten) >= beat {
			beaten = time.Now()
			n, err := g.beat()
			switch {
			case errors.Is(err, errLost):
				g.log.Warn("a shard went to another worker; this one begins anew", zap.Error(err))
				return
			case err != nil:
				g.log.Warn("the leases were not renewed; it is tried again", zap.Error(err))
				if len(g.owned) > 0 && !g.sure() {
					return
				}
			default:
				share = (g.shards + n - 1) / max(n, 1)
			}
			if len(g.owned) > share {
				return // another member gets what is too much
			}
		}
		if len(g.owned) < share {
			g.seize(share)
		}
		if err := g.save(g.ctx); err != nil && g.ctx.Err() == nil {
			g.log.Debug("cursors were not saved; it is tried again", zap.Error(err))
		}
		wait(g.ctx, hungry)
	}
}

var errLost = errors.New("the lease is not ours any more")

// beat says that the member lives, renews its leases and returns how many members
// there are.
func (g *generation) beat() (members int, err error) {
	t := g.s.t
	ctx, cancel := t.bounded(g.ctx)
	defer cancel()
	begun := time.Now()
	members, err = memberScript.Run(ctx, t.rdb, []string{t.membersKey(g.topic, g.s.cfg.Group)}, g.id, t.cfg.Lease.Milliseconds()).Int()
	if err != nil {
		return 0, fmt.Errorf("say that this member lives: %w", err)
	}
	keys, args := []string{}, []any{t.cfg.Lease.Milliseconds()}
	for n, s := range g.owned {
		keys = append(keys, t.leaseKey(g.topic, g.s.cfg.Group, n))
		args = append(args, s.lease)
	}
	if len(keys) > 0 {
		lost, err := renewScript.Run(ctx, t.rdb, keys, args...).Int()
		if err != nil {
			return 0, fmt.Errorf("renew %d leases: %w", len(keys), err)
		}
		if lost > 0 {
			return 0, fmt.Errorf("%w: %s", errLost, keys[lost-1])
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.renewed = begun
	return members, nil
}

// seize takes free shards, up to the share, in a random order.
func (g *generation) seize(share int) {
	t := g.s.t
	for _, n := range rand.Perm(g.shards) { //nolint:gosec // any order does
		if len(g.owned) >= share || g.ctx.Err() != nil {
			return
		}
		if g.owned[n] != nil {
			continue
		}
		ctx, cancel := t.bounded(g.ctx)
		lease, err := acquireScript.Run(ctx, t.rdb, []string{t.leaseKey(g.topic, g.s.cfg.Group, n), t.tokenKey()}, g.id, t.cfg.Lease.Milliseconds()).Text()
		var cursor string
		if err == nil {
			cursor, err = t.rdb.HGet(ctx, t.cursorKey(g.topic, g.s.cfg.Group), strconv.Itoa(n)).Result()
		}
		cancel()
		if errors.Is(err, redis.Nil) {
			continue // somebody has it, or the topic is gone
		}
		if err != nil {
			return // the next beat says it
		}
		g.own(n, lease, cursor)
	}
}

func (g *generation) own(n int, lease, cursor string) {
	s := &shard{number: n, stream: g.s.t.streamKey(g.topic, n), lease: lease, read: cursor, first: 1, saved: cursor, marked: cursor}
	s.source = g.lanes.Source(s.mark)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owned[n] = s
}

// positions are the ids that the reader has, by stream.
func (g *generation) positions() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make(map[string]string, len(g.owned))
	for _, s := range g.owned {
		out[s.stream] = s.read
	}
	return out
}

// take feeds one entry.
func (g *generation) take(stream string, x redis.XMessage) bool {
	g.mu.Lock()
	var s *shard
	for _, one := range g.owned {
		if one.stream == stream {
			s = one
		}
	}
	g.mu.Unlock()
	offset := s.note(x.ID)
	if !s.source.Feed(g.ctx, mq.Record{Offset: offset, Message: decode(x)}) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s.read = x.ID
	return true
}

// note gives an entry its offset.
func (s *shard) note(id string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
	s.fed++
	return s.fed
}

// mark is told the low-water mark.
func (s *shard) mark(offset uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := offset - s.first + 1
	s.marked = s.ids[n-1]
	s.ids = s.ids[n:]
	s.first = offset + 1
}

func (s *shard) unsaved() (id string, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marked, s.marked != s.saved
}

// save moves the cursors of owned shards to their marks.
func (g *generation) save(ctx context.Context) error {
	t := g.s.t
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	for n, s := range g.owned {
		id, yes := s.unsaved()
		if !yes {
			continue
		}
		ok, err := markScript.Run(ctx, t.rdb, []string{t.leaseKey(g.topic, g.s.cfg.Group, n), t.cursorKey(g.topic, g.s.cfg.Group)}, s.lease, n, id).Bool()
		if err != nil {
			return fmt.Errorf("save the cursor of shard %d: %w", n, err)
		}
		if !ok {
			return fmt.Errorf("save the cursor of shard %d: %w", n, errLost)
		}
		s.mu.Lock()
		s.saved = id
		s.mu.Unlock()
	}
	return nil
}

// leave saves what was acknowledged and gives the shards up.
func (g *generation) leave(ctx context.Context) {
	t := g.s.t
	if err := g.save(ctx); err != nil {
		g.log.Warn("cursors were not saved at the end: what is beyond them comes again", zap.Error(err))
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	for n, s := range g.owned {
		if err := releaseScript.Run(ctx, t.rdb, []string{t.leaseKey(g.topic, g.s.cfg.Group, n)}, s.lease).Err(); err != nil {
			g.log.Debug("a shard was not given up; its lease runs out", zap.Error(err))
			return
		}
	}
}
