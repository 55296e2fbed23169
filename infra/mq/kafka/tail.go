package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

// goneAfter is for how long brokers must answer that they do not know a topic until its reader takes it for
// deleted.
const goneAfter = 5 * time.Second

// tail reads all partitions of a topic without a group.
type tail struct {
	t        *Transport
	topic    string
	consumer sarama.Consumer
	lanes    *mq.Lanes
	log      *complaints
	end      context.CancelFunc

	mu      sync.Mutex
	missing time.Time // since when brokers have not known the topic
}

// tail makes a reader of all partitions without a group. Their starting offsets are fixed before it returns.
func (s *subscriber) tail(ctx context.Context, topic string, base *sarama.Config, out chan *message.Message) (func(context.Context), error) {
	consumer, err := sarama.NewConsumer(s.t.cfg.Brokers, base)
	if err != nil {
		return nil, s.t.cfg.explain(err)
	}
	r := &tail{t: s.t, topic: topic, consumer: consumer, log: &complaints{log: s.t.log.With(zap.String("topic", topic))}}
	partitions, err := consumer.Partitions(topic)
	if err != nil {
		return nil, errors.Join(err, consumer.Close())
	}
	begins := make(map[int32]int64, len(partitions))
	for _, p := range partitions {
		if begins[p], err = s.t.begin(ctx, topic, p, s.cfg.Start); err != nil {
			return nil, errors.Join(fmt.Errorf("look where partition %d begins: %w", p, err), consumer.Close())
		}
	}
	return func(ctx context.Context) {
		ctx, r.end = context.WithCancel(ctx)
		defer r.end()
		r.lanes = mq.NewLanes(ctx, s.cfg, out)
		var running sync.WaitGroup
		for p, at := range begins {
			running.Go(func() { r.follow(ctx, p, at) })
		}
		<-ctx.Done()
		r.lanes.Drain()
		running.Wait()
		if err := consumer.Close(); err != nil {
			r.log.say("a reader could not be closed cleanly", err)
		}
	}, nil
}

// begin returns the offset at which a new reader of a partition begins. StartNewest is before the records of
// open transactions, which may be committed later.
func (t *Transport) begin(ctx context.Context, topic string, p int32, start mq.Start) (offset int64, err error) {
	at := sarama.OffsetOldest
	if start == mq.StartNewest {
		at = sarama.OffsetNewest
	}
	for range t.client.Config().Metadata.Retry.Max + 1 {
		if offset, err = t.offset(topic, p, at); err == nil {
			return offset, nil
		}
		if !pause.For(ctx.Done(), rejoinPause) {
			return 0, ctx.Err()
		}
		// A broker that has not heard of the topic yet is worth asking again.
		if fresh := t.client.RefreshMetadata(topic); fresh != nil && !errors.Is(fresh, sarama.ErrUnknownTopicOrPartition) {
			return 0, fresh
		}
	}
	return 0, err
}

// offset asks a partition's leader for an offset as a reader of committed records; sarama's own call asks for
// uncommitted ones.
func (t *Transport) offset(topic string, p int32, at int64) (int64, error) {
	leader, err := t.client.Leader(topic, p)
	if err != nil {
		return 0, err
	}
	req := sarama.NewOffsetRequest(t.client.Config().Version)
	req.IsolationLevel = sarama.ReadCommitted
	req.AddBlock(topic, p, at, 1)
	resp, err := leader.GetAvailableOffsets(req)
	if err != nil {
		return 0, errors.Join(err, leader.Close())
	}
	switch block := resp.GetBlock(topic, p); {
	case block == nil:
		return 0, sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		return 0, block.Err
	case len(block.Offsets) != 1:
		return 0, sarama.ErrIncompleteResponse
	default:
		return block.Offsets[0], nil
	}
}

// follow reads one partition to the end of ctx.
func (r *tail) follow(ctx context.Context, p int32, at int64) {
	for {
		claim, err := r.consumer.ConsumePartition(r.topic, p, at)
		switch {
		case err == nil:
			r.there()
			at = r.read(ctx, claim, at)
		case errors.Is(err, sarama.ErrOffsetOutOfRange):
			at = r.skip(ctx, p, at)
		default:
			r.complain(err)
		}
		if !pause.For(ctx.Done(), rejoinPause) {
			return
		}
	}
}

// read feeds what a claim brings, and returns the offset of the next record. sarama ends a claim when that
// record is not there any more.
func (r *tail) read(ctx context.Context, claim sarama.PartitionConsumer, next int64) int64 {
	var complaining sync.WaitGroup
	defer complaining.Wait()
	complaining.Go(func() {
		for err := range claim.Errors() {
			r.complain(err.Err)
		}
	})
	defer claim.AsyncClose()
	source := r.lanes.Source(func(uint64) {})
	for {
		select {
		case record, ok := <-claim.Messages():
			if !ok || !source.Feed(ctx, mq.Record{Offset: uint64(record.Offset), Message: decode(record)}) { //nolint:gosec // not negative
				return next
			}
			next = record.Offset + 1
			r.there()
		case <-ctx.Done():
			return next
		}
	}
}

// skip returns the offset at which to go on when the record at offset at is not there any more: its retention
// was over before it was read, or its topic was deleted and made again.
func (r *tail) skip(ctx context.Context, p int32, at int64) int64 {
	oldest, err := r.t.begin(ctx, r.topic, p, mq.StartOldest)
	if err != nil {
		r.complain(err)
		return at
	}
	r.log.log.Warn("what comes next is not there any more; the reader goes on with the oldest record", zap.Int32("partition", p), zap.Int64("wanted", at), zap.Int64("oldest", oldest))
	return oldest
}

// there notes that the topic exists.
func (r *tail) there() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missing = time.Time{}
}

// complain logs what goes wrong, and ends the reader when its topic was deleted.
func (r *tail) complain(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		r.missing = time.Time{}
		r.log.say("Kafka does not answer as it should; it is tried again", err)
		return
	}
	if r.missing.IsZero() {
		r.missing = time.Now()
	}
	if time.Since(r.missing) > goneAfter {
		r.log.log.Info("the topic was deleted; its reader ends")
		r.end()
	}
}
