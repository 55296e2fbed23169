package kafka

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

// rejoinPause is between two tries to be in the group.
const rejoinPause = 200 * time.Millisecond

// member makes a member of the group; the returned function runs it until its ctx is done.
func (s *subscriber) member(topic string, base *sarama.Config, brokers *lifeline, out chan *message.Message) (func(context.Context), error) {
	group, err := sarama.NewConsumerGroup(s.t.cfg.Brokers, s.cfg.Group, base)
	if err != nil {
		return nil, s.t.cfg.explain(err)
	}
	c := &complaints{log: s.t.log.With(zap.String("group", s.cfg.Group), zap.String("topic", topic))}
	s.running.Go(func() {
		for err := range group.Errors() {
			c.say("Kafka does not answer as it should; it is tried again", err)
		}
	})
	return func(ctx context.Context) {
		for ctx.Err() == nil {
			began := time.Now()
			err := group.Consume(ctx, []string{topic}, s.generation(out, brokers, c.log))
			if !ended(err) {
				c.say(whyOutside(err), err)
			}
			// Generations that end at once must not follow each other without a pause.
			if (err != nil || time.Since(began) < rejoinPause) && !pause.For(ctx.Done(), rejoinPause) {
				break
			}
		}
		if err := group.Close(); !ended(err) {
			c.say("the group was not left in order; it forgets this member by itself", err)
		}
	}, nil
}

// whyOutside says why a member is not in its group.
func whyOutside(err error) string {
	if errors.Is(err, sarama.ErrInvalidSessionTimeout) {
		return "the brokers do not allow this mq.kafka.session_timeout (see their group.min.session.timeout.ms); nothing is read"
	}
	return "this member is not in its group; it joins again"
}

// generation is what a member does between two rebalances: it feeds the
// partitions that it was given into one set of lanes.
type generation struct {
	cfg     mq.SubscriberConfig
	out     chan<- *message.Message
	brokers *lifeline
	limit   time.Duration // how long silence, or standing still, makes nothing unsure; see whyUnsure
	log     *zap.Logger

	lanes  *mq.Lanes
	ctx    context.Context // ends with the session, or when it must be over
	cancel context.CancelFunc
	ending sync.Once // logs why only once
	done   chan struct{}
	began  time.Time
	awake  atomic.Int64 // when this process was last seen to run, since began
}

func (s *subscriber) generation(out chan<- *message.Message, brokers *lifeline, log *zap.Logger) *generation {
	return &generation{cfg: s.cfg, out: out, brokers: brokers, limit: s.t.cfg.SessionTimeout * 2 / 3, log: log}
}

// Setup implements sarama.ConsumerGroupHandler, as Cleanup and ConsumeClaim do.
func (g *generation) Setup(session sarama.ConsumerGroupSession) error {
	g.ctx, g.cancel = context.WithCancel(session.Context())
	g.done, g.began = make(chan struct{}), time.Now()
	g.lanes = mq.NewLanes(session.Context(), g.cfg, g.out)
	g.lanes.Gate(g.sure)
	go g.watch()
	return nil
}

// sure reports whether this member's partitions are certainly its own. The first time that they are not ends the session, even
// when it is over at once: a lane that was told no does not ask again, and would hold up its keys for as long
// as the session lasts. After a standstill the lanes may ask before watch runs.
func (g *generation) sure() bool {
	if g.ctx.Err() != nil {
		return false
	}
	why := g.whyUnsure()
	if why == "" {
		return true
	}
	g.ending.Do(func() {
		g.log.Warn(why)
		g.cancel()
	})
	return false
}

// whyUnsure returns why the group may have given this member's partitions to others without its knowing; empty:
// that cannot be. Records that wait in the lanes would be the others' then.
func (g *generation) whyUnsure() string {
	switch {
	case time.Since(g.began)-time.Duration(g.awake.Load()) > g.limit:
		return "this process was paused; it rejoins its group"
	case g.brokers.silence() > g.limit: // heartbeats are answered every second
		return "no broker has answered for a while; this member takes no records until one does"
	}
	return ""
}

// watch ends the session when its partitions are not certainly its own.
func (g *generation) watch() {
	defer close(g.done)
	ticker := time.NewTicker(g.limit / 10)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-g.ctx.Done():
			return
		}
		if !g.sure() {
			return
		}
		g.awake.Store(int64(time.Since(g.began)))
	}
}

// Cleanup drains: what is in flight may end, its offsets are committed by sarama
// after this, and only then do others get the partitions.
func (g *generation) Cleanup(session sarama.ConsumerGroupSession) error {
	g.cancel()
	g.lanes.Drain()
	<-g.done
	return nil
}

// ConsumeClaim feeds one partition. Its end is the end of the session.
func (g *generation) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	source := g.lanes.Source(func(offset uint64) {
		session.MarkOffset(claim.Topic(), claim.Partition(), int64(offset)+1, "") //nolint:gosec // an offset
	})
	for {
		select {
		case r, ok := <-claim.Messages():
			if !ok || !source.Feed(g.ctx, mq.Record{Offset: uint64(r.Offset), Message: decode(r)}) { //nolint:gosec // not negative
				return nil
			}
		case <-g.ctx.Done():
			return nil
		}
	}
}
