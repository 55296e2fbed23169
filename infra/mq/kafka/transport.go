package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// Transport implements mq.Transport on a Kafka cluster. Safe for concurrent use.
type Transport struct {
	cfg    Config
	log    *zap.Logger
	client sarama.Client // metadata, admin calls
	admin  sarama.ClusterAdmin
	pub    *publisher

	directory  *directory
	complaints *complaints // of the producers
	fenced     chan error

	mu     sync.Mutex
	closed bool
	outs   []*outbox
	subs   map[*subscriber]struct{}
	calls  sync.WaitGroup // of within
	abort  func()         // ends the connections of client
}

// Open connects, and checks that the brokers admit us. An error is one sentence that names the setting at
// fault.
func Open(ctx context.Context, cfg Config, log *zap.Logger) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base, err := cfg.sarama()
	if err != nil {
		return nil, err
	}
	line, abort := context.WithCancel(context.WithoutCancel(ctx))
	bind(line, base)
	t := &Transport{abort: abort, cfg: cfg, log: log, directory: newDirectory(), complaints: &complaints{log: log}, fenced: make(chan error, 1), subs: map[*subscriber]struct{}{}}
	ctx, cancel := context.WithTimeout(ctx, startTimeouts*cfg.Timeout)
	defer cancel()
	started := make(chan error)
	go func() {
		err := t.start(base)
		select {
		case started <- err:
		case <-ctx.Done(): // nobody waits any more
			if err != nil {
				return
			}
			if err := t.Close(); err != nil {
				t.complaints.say("a connection that came too late could not be closed cleanly", err)
			}
		}
	}()
	select {
	case err = <-started:
	case <-ctx.Done():
		err = cfg.explain(ctx.Err())
	}
	if err != nil {
		abort()
		return nil, err
	}
	return t, nil
}

// startTimeouts is how many times mq.kafka.timeout a start may take.
const startTimeouts = 4

// start opens what is shared by all that use the transport, or nothing.
func (t *Transport) start(base *sarama.Config) (err error) {
	if t.client, err = sarama.NewClient(t.cfg.Brokers, base); err != nil {
		return t.cfg.explain(err)
	}
	if t.admin, err = sarama.NewClusterAdminFromClient(t.client); err != nil {
		return errors.Join(t.cfg.explain(err), t.client.Close())
	}
	if err = t.checkVersion(); err == nil {
		t.pub, err = newPublisher(t)
	}
	if err != nil {
		return errors.Join(err, t.admin.Close())
	}
	return nil
}

// minVersion: transactions of producers that recover by themselves (KIP-588).
var minVersion = sarama.V2_8_0_0

// checkVersion looks at what the controller can do, since brokers do not tell
// their version: CreateTopics v7 came with 2.8.
func (t *Transport) checkVersion() error {
	broker, err := t.client.Controller()
	if err != nil {
		return t.cfg.explain(err)
	}
	resp, err := broker.ApiVersions(&sarama.ApiVersionsRequest{})
	if err != nil {
		return t.cfg.explain(err)
	}
	const createTopics, since = 19, 7
	for _, k := range resp.ApiKeys {
		if k.ApiKey == createTopics && k.MaxVersion >= since {
			return nil
		}
	}
	return fmt.Errorf("kafka at %s (setting mq.kafka.brokers) is too old: it must be at least %s", broker.Addr(), minVersion)
}

// Publisher implements mq.Transport.
func (t *Transport) Publisher() message.Publisher { return t.pub }

// Outbox implements mq.Transport.
func (t *Transport) Outbox(id string) (mq.Outbox, error) {
	if t.isClosed() {
		return nil, mq.ErrClosed
	}
	o, err := newOutbox(t, id)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	closed := t.closed
	if !closed {
		t.outs = append(t.outs, o)
	}
	t.mu.Unlock()
	if closed {
		return nil, errors.Join(mq.ErrClosed, o.Close())
	}
	return o, nil
}

// Fenced implements mq.Fenceable.
func (t *Transport) Fenced() <-chan error { return t.fenced }

func (t *Transport) fence(err error) {
	select {
	case t.fenced <- err:
	default: // the first one says it
	}
}

// Close implements mq.Transport: it closes the subscribers, then the outboxes, then the publisher. When
// brokers do not answer, each of these takes as long as its own Close says.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	subs := make([]*subscriber, 0, len(t.subs))
	for s := range t.subs {
		subs = append(subs, s)
	}
	outs := t.outs
	t.mu.Unlock()
	errs := make([]error, len(subs))
	var closing sync.WaitGroup
	for i, s := range subs {
		closing.Go(func() { errs[i] = s.Close() })
	}
	closing.Wait()
	for _, o := range outs {
		errs = append(errs, o.Close())
	}
	errs = append(errs, t.pub.Close())
	t.abort()
	errs = append(errs, t.admin.Close()) // and the client with it
	t.calls.Wait()
	return errors.Join(errs...)
}

// Health asks the cluster's controller for a sign of life. Looking for another controller closes the
// connection to this one, even under a call that makes or deletes a topic by it, so that is done only when it
// does not answer.
func (t *Transport) Health(ctx context.Context) error {
	ask := func(find func() (*sarama.Broker, error)) error {
		broker, err := find()
		if err != nil {
			return err
		}
		_, err = broker.ApiVersions(&sarama.ApiVersionsRequest{})
		return err
	}
	err := t.within(ctx, t.cfg.Timeout, func() error {
		if ask(t.client.Controller) == nil {
			return nil
		}
		return ask(t.client.RefreshController)
	})
	if err != nil {
		return fmt.Errorf("ask Kafka: %w", err)
	}
	return nil
}
