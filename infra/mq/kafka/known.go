package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/mq"
)

const (
	// thereFor is how long a topic that was seen is taken to be there. So a producer may meet a topic that
	// another process has deleted, but only for this long.
	thereFor = 5 * time.Second
	// missingFor is how long a topic that was not there is taken to be missing.
	missingFor = time.Second
)

// directory remembers which topics there are. sarama asks three times, with pauses, for a topic that it does
// not know, which holds up a whole transaction: so producers get records only for topics that are known to be
// there.
type directory struct {
	mu   sync.RWMutex
	seen map[string]sighting
}

type sighting struct {
	there bool
	at    time.Time
}

func newDirectory() *directory { return &directory{seen: map[string]sighting{}} }

// look returns what is remembered of a topic. fresh: no broker needs to be asked. Of many callers that find
// an outdated sighting of a topic that was there, one gets fresh as false and asks; the others go on with the
// old sighting.
func (d *directory) look(topic string) (s sighting, fresh bool) {
	d.mu.RLock()
	s = d.seen[topic]
	d.mu.RUnlock()
	now := time.Now()
	if s.fresh(now) {
		return s, true
	}
	if !s.there {
		return s, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s = d.seen[topic]; s.fresh(now) {
		return s, true
	}
	if s.there {
		d.seen[topic] = sighting{there: true, at: now}
	}
	return s, false
}

func (s sighting) fresh(now time.Time) bool {
	if s.there {
		return now.Sub(s.at) < thereFor
	}
	return now.Sub(s.at) < missingFor
}

// note remembers a topic, and forgets missing topics after missingFor, so that names that nobody made do not
// pile up here.
func (d *directory) note(topic string, there bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if !there {
		for name, s := range d.seen {
			if !s.there && !s.fresh(now) {
				delete(d.seen, name)
			}
		}
	}
	d.seen[topic] = sighting{there: there, at: now}
}

// known reports whether a topic is there: nil, mq.ErrUnknownTopic, or why nobody
// can say.
func (t *Transport) known(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.Timeout)
	defer cancel()
	return t.knownBy(ctx, topic)
}

// knownBy is known for several topics and with the caller's deadline. While no broker answers, a topic that
// was there is taken to be there: waiting for brokers is left to the producer.
func (t *Transport) knownBy(ctx context.Context, topics ...string) error {
	for _, topic := range topics {
		s, fresh := t.directory.look(topic)
		if fresh && !s.there {
			return fmt.Errorf("%w: %s", mq.ErrUnknownTopic, topic)
		}
		if fresh {
			continue
		}
		if err := t.ask(ctx, topic); err != nil && (!s.there || errors.Is(err, mq.ErrUnknownTopic)) {
			return err
		}
	}
	return nil
}

// ask asks a broker for a topic and remembers the answer.
func (t *Transport) ask(ctx context.Context, topic string) error {
	var missing bool
	err := t.within(ctx, t.cfg.Timeout, func() (err error) {
		missing, err = t.isMissing(topic)
		return err
	})
	switch {
	case errors.Is(err, sarama.ErrClosedClient) || t.isClosed():
		return mq.ErrClosed
	case err != nil:
		return fmt.Errorf("look for topic %s: %w", topic, err)
	case missing:
		t.lost(topic)
		return fmt.Errorf("%w: %s", mq.ErrUnknownTopic, topic)
	}
	t.found(topic)
	return nil
}

func (t *Transport) isMissing(topic string) (bool, error) {
	broker := t.client.LeastLoadedBroker()
	if broker == nil {
		return false, sarama.ErrClosedClient
	}
	req := sarama.NewMetadataRequest(t.client.Config().Version, []string{topic})
	resp, err := broker.GetMetadata(req)
	if err != nil {
		// This one is away; the client knows others, and reconnects.
		if err = t.client.RefreshMetadata(topic); errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return true, nil
		}
		return false, err
	}
	for _, m := range resp.Topics {
		if m.Name != topic {
			continue
		}
		switch m.Err {
		case sarama.ErrUnknownTopicOrPartition, sarama.ErrInvalidTopic:
			return true, nil
		case sarama.ErrNoError, sarama.ErrLeaderNotAvailable:
			return false, nil
		}
		return false, m.Err
	}
	return true, nil
}

// lost notes that a topic is not there (any more), found that it is.
func (t *Transport) lost(topic string)  { t.directory.note(topic, false) }
func (t *Transport) found(topic string) { t.directory.note(topic, true) }
