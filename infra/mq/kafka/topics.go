package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

const (
	// settle is how long a new topic may take until every broker leads its partitions.
	settle = 15 * time.Second
	poll   = 20 * time.Millisecond
)

// Ensure implements mq.Transport.
func (t *Transport) Ensure(ctx context.Context, topics ...mq.Topic) error {
	for _, topic := range topics {
		topic.Name = t.cfg.named(topic.Name)
		if err := t.ensure(ctx, topic); err != nil {
			return fmt.Errorf("make topic %s: %w", topic.Name, err)
		}
	}
	return nil
}

func (t *Transport) ensure(ctx context.Context, topic mq.Topic) error {
	if t.isClosed() {
		return mq.ErrClosed
	}
	partitions := max(topic.Partitions, 1)
	// What the client remembers may have been deleted by another process.
	if err := t.client.RefreshMetadata(topic.Name); err == nil {
		if have, err := t.client.Partitions(topic.Name); err == nil && len(have) > 0 {
			t.compare(topic.Name, len(have), partitions)
			if err := t.await(ctx, topic.Name, len(have)); err != nil { // another process may just have made it
				return err
			}
			return t.mend(ctx, topic, len(have))
		}
	}
	ms, size := milliseconds(t.cfg.retention(topic)), strconv.Itoa(batchBytes)
	detail := &sarama.TopicDetail{
		NumPartitions: int32(partitions), ReplicationFactor: int16(t.cfg.Replication), //nolint:gosec // small numbers
		ConfigEntries: map[string]*string{retentionSetting: &ms, sizeSetting: &size},
	}
	err := t.within(ctx, 4*t.cfg.Timeout, func() error { return t.admin.CreateTopic(topic.Name, detail, false) })
	var refused *sarama.TopicError
	there := errors.As(err, &refused) && refused.Err == sarama.ErrTopicAlreadyExists
	if err != nil && !there {
		return err
	}
	if err := t.await(ctx, topic.Name, partitions); err != nil || !there {
		return err
	}
	return t.mend(ctx, topic, partitions) // another process, maybe of an older release, was quicker
}

// compare logs that a topic has fewer partitions than the setting says. More of them would move keys to other
// partitions, so an operator has to decide.
func (t *Transport) compare(topic string, have, want int) {
	if have < want {
		t.log.Warn("a topic has fewer partitions than the setting says; it is left as it is",
			zap.String("topic", topic), zap.Int("has", have), zap.Int("mq.kafka.partitions", want))
	}
}

// await waits until each partition has a leader, and every broker that answers knows the topic: a broker that
// has not heard of it yet would tell the next caller that it does not exist.
func (t *Transport) await(ctx context.Context, topic string, partitions int) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		err := t.client.RefreshMetadata(topic)
		if err == nil {
			if have, perr := t.client.WritablePartitions(topic); perr == nil && len(have) >= partitions {
				if err = t.everywhere(ctx, topic, partitions); err == nil {
					t.found(topic)
					return nil
				}
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for its %d partitions to have leaders: %w", partitions, errors.Join(err, ctx.Err()))
		}
	}
}

// everywhere asks all brokers at once whether they know a topic. One that does not
// answer is left out.
func (t *Transport) everywhere(ctx context.Context, topic string, partitions int) error {
	brokers := t.client.Brokers()
	errs := make([]error, len(brokers))
	var asking sync.WaitGroup
	for i, b := range brokers {
		asking.Go(func() {
			var said error
			if err := t.within(ctx, t.cfg.Timeout, func() error { said = t.knows(b, topic, partitions); return nil }); err == nil {
				errs[i] = said
			}
		})
	}
	asking.Wait()
	return errors.Join(errs...)
}

// knows returns an error when a broker answers that it does not know all partitions of a topic.
func (t *Transport) knows(b *sarama.Broker, topic string, partitions int) error {
	if ok, _ := b.Connected(); !ok {
		if err := b.Open(t.client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
			return nil //nolint:nilerr // it does not answer
		}
	}
	resp, err := b.GetMetadata(sarama.NewMetadataRequest(t.client.Config().Version, []string{topic}))
	if err != nil {
		return nil //nolint:nilerr // it does not answer
	}
	known := 0
	for _, m := range resp.Topics {
		for _, p := range m.Partitions {
			if m.Name == topic && p.Err == sarama.ErrNoError {
				known++
			}
		}
	}
	if known < partitions {
		return fmt.Errorf("broker %s knows %d partitions of %d", b.Addr(), known, partitions)
	}
	return nil
}

func (t *Transport) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// Delete implements mq.Transport. What groups remember of a topic goes with it.
func (t *Transport) Delete(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		name = t.cfg.named(name)
		err := t.within(ctx, 2*t.cfg.Timeout, func() error { return t.admin.DeleteTopic(name) })
		switch {
		case err == nil:
			errs = append(errs, t.awaitGone(ctx, name))
		case !errors.Is(err, sarama.ErrUnknownTopicOrPartition):
			errs = append(errs, fmt.Errorf("delete topic %s: %w", name, err))
			continue
		}
		t.lost(name)
	}
	return errors.Join(errs...)
}

// awaitGone waits until no broker knows the topic any more, so that what is
// published to it next is refused and not lost.
func (t *Transport) awaitGone(ctx context.Context, topic string) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	for {
		err := t.client.RefreshMetadata(topic)
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return nil
		}
		if !pause.For(ctx.Done(), poll) {
			return fmt.Errorf("wait for topic %s to be gone: %w", topic, errors.Join(err, ctx.Err()))
		}
	}
}

// Topics lists the topics of this environment that are not Kafka's own.
func (t *Transport) Topics(ctx context.Context) ([]string, error) {
	var out []string
	err := t.within(ctx, 2*t.cfg.Timeout, func() error {
		if err := t.client.RefreshMetadata(); err != nil {
			return err
		}
		all, err := t.client.Topics()
		for _, name := range all {
			if name, ours := t.cfg.unnamed(name); ours && !strings.HasPrefix(name, "__") {
				out = append(out, name)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	return out, nil
}
