package redisstream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

// hungry is how often a member looks for shards while it has less than its share, and how often it saves its
// cursors.
const hungry = 200 * time.Millisecond

// member is one worker of a group for one topic.
type member struct {
	s      *subscriber
	topic  string
	group  string
	shards int
	id     string
	out    chan<- *message.Message
	log    *zap.Logger
	// ill: the log has been told that Redis does not answer.
	ill atomic.Bool
}

// enroll makes the group known, and fixes where a new group begins; mq.ErrUnknownTopic when the topic is
// gone.
func (m *member) enroll(ctx context.Context, start mq.Start) error {
	t := m.s.t
	newest := 0
	if start == mq.StartNewest {
		newest = 1
	}
	names := append([]string{t.keys.topics(), t.keys.groups(m.topic), t.keys.cursors(m.topic, m.group), t.keys.trimmed(m.topic)},
		t.keys.all(m.topic, m.shards)...)
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	there, err := t.scripts.enroll.Run(ctx, t.rdb, names, m.topic, m.group, newest).Bool()
	if err != nil {
		return fmt.Errorf("enroll in group %s: %w", m.group, err)
	}
	if !there {
		t.saw(m.topic, 0)
		return fmt.Errorf("enroll in group %s: %w: %s", m.group, mq.ErrUnknownTopic, m.topic)
	}
	return nil
}

// run works in generations until ctx is done: each begins with no shard and ends when a shard is lost or must
// go to another member.
func (m *member) run(ctx context.Context) {
	for ctx.Err() == nil {
		newGeneration(ctx, m).run()
		// Other members may first take what was given up.
		pause.For(ctx.Done(), hungry)
	}
	t := m.s.t
	bye, cancel := t.bounded(context.WithoutCancel(ctx))
	defer cancel()
	if err := t.rdb.ZRem(bye, t.keys.members(m.topic, m.group), m.id).Err(); err != nil {
		m.log.Debug("the group was not told that this member leaves; it forgets it by itself", zap.Error(err))
	}
}

// failed logs that Redis does not answer, once until it answers again.
func (m *member) failed(err error) {
	if !m.ill.Swap(true) {
		m.log.Warn("Redis does not answer; this member of the group goes on when it does", zap.Error(err))
	}
}

func (m *member) succeeded() {
	if m.ill.Swap(false) {
		m.log.Info("Redis answers again")
	}
}

// hold bounds a call that renews or takes leases, so that sureFor and the longest call are together a whole
// lease.
func (m *member) hold(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, min(m.s.t.cfg.Timeout, m.s.t.cfg.Lease/3))
}

// sureFor is for how long after the beginning of a renewal its leases are certainly ours, whatever the server
// does.
func (m *member) sureFor() time.Duration { return m.s.t.cfg.Lease * 2 / 3 }
