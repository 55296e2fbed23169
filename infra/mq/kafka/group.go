package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// rejoinPause is between two tries to be in the group.
const rejoinPause = 200 * time.Millisecond

// member makes a member of the group; what it returns runs it.
func (s *subscriber) member(topic string, base *sarama.Config, out chan *message.Message) (func(context.Context), error) {
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
			h := &generation{cfg: s.cfg, out: out, silence: s.t.cfg.SessionTimeout / 2, log: c.log}
			err := group.Consume(ctx, []string{topic}, h)
			if !ended(err) {
				c.say("this member is not in its group; it joins again", err)
			}
			if err != nil && !wait(ctx, rejoinPause) {
				break
			}
		}
		if err := group.Close(); !ended(err) {
			c.say("the group was not left in order; it forgets this member by itself", err)
		}
	}, nil
}

// generation is what a member does between two rebalances: it feeds the
// partitions that it was given into one set of lanes.
type generation struct {
	cfg     mq.SubscriberConfig
	out     chan<- *message.Message
	silence time.Duration
	log     *zap.Logger

	lanes  *mq.Lanes
	ctx    context.Context // ends with the session, or when it must be over
	cancel context.CancelFunc
	done   chan struct{}
}

// Setup implements sarama.ConsumerGroupHandler, as Cleanup and ConsumeClaim do.
func (g *generation) Setup(session sarama.ConsumerGroupSession) error {
	g.ctx, g.cancel = context.WithCancel(session.Context())
	g.done = make(chan struct{})
	g.lanes = mq.NewLanes(session.Context(), g.cfg, g.out)
	g.lanes.Gate(func() bool { return g.ctx.Err() == nil })
	go g.watch()
	return nil
}

// watch ends the session when this process did not run for so long that the group
// may have given its partitions to others: what waits in the lanes is theirs.
func (g *generation) watch() {
	defer close(g.done)
	ticker := time.NewTicker(g.silence / 10)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ticker.C:
		case <-g.ctx.Done():
			return
		}
		if gap := time.Since(last); gap > g.silence {
			g.log.Warn("this process stood still; it joins its group anew", zap.Duration("for", gap))
			g.cancel()
			return
		}
		last = time.Now()
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

// tail makes a reader without a group, of all partitions. Where it begins is fixed
// before it returns.
func (s *subscriber) tail(topic string, base *sarama.Config, out chan *message.Message) (func(context.Context), error) {
	consumer, err := sarama.NewConsumer(s.t.cfg.Brokers, base)
	if err != nil {
		return nil, s.t.cfg.explain(err)
	}
	partitions, err := consumer.Partitions(topic)
	if err != nil {
		return nil, errors.Join(err, consumer.Close())
	}
	var claims []sarama.PartitionConsumer
	for _, p := range partitions {
		at, err := s.t.client.GetOffset(topic, p, base.Consumer.Offsets.Initial)
		var claim sarama.PartitionConsumer
		if err == nil {
			claim, err = consumer.ConsumePartition(topic, p, at)
		}
		if err != nil {
			for _, c := range claims {
				c.AsyncClose()
			}
			return nil, errors.Join(fmt.Errorf("read partition %d: %w", p, err), consumer.Close())
		}
		claims = append(claims, claim)
	}
	c := &complaints{log: s.t.log.With(zap.String("topic", topic))}
	return func(ctx context.Context) {
		lanes := mq.NewLanes(ctx, s.cfg, out)
		for _, claim := range claims {
			s.running.Go(func() {
				for err := range claim.Errors() {
					c.say("Kafka does not answer as it should; it is tried again", err)
				}
			})
			source := lanes.Source(func(uint64) {})
			s.running.Go(func() { follow(ctx, source, claim) })
		}
		<-ctx.Done()
		lanes.Drain()
		for _, claim := range claims {
			claim.AsyncClose()
		}
		if err := consumer.Close(); err != nil {
			c.say("a reader did not close in order", err)
		}
	}, nil
}

func follow(ctx context.Context, source *mq.Source, claim sarama.PartitionConsumer) {
	feeding := true
	for r := range claim.Messages() { // until it is closed, so that closing it does not wait
		if feeding {
			feeding = source.Feed(ctx, mq.Record{Offset: uint64(r.Offset), Message: decode(r)}) //nolint:gosec // not negative
		}
	}
}
