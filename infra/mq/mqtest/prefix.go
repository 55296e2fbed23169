package mqtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// Prefixed gives topics and groups names of their own on a server that several tests share: they begin with a
// word made from dir, which stands for the test's server.
func Prefixed(t mq.Transport, dir string) mq.Transport {
	sum := sha256.Sum256([]byte(dir))
	return prefixed{t, hex.EncodeToString(sum[:6]) + "-"}
}

type prefixed struct {
	mq.Transport
	prefix string
}

func (p prefixed) Publisher() message.Publisher {
	return prefixedPublisher{p.Transport.Publisher(), p.prefix}
}

func (p prefixed) Outbox(id string) (mq.Outbox, error) {
	out, err := p.Transport.Outbox(p.prefix + id)
	return prefixedOutbox{out, p.prefix}, err
}

func (p prefixed) Subscriber(cfg mq.SubscriberConfig) (message.Subscriber, error) {
	if cfg.Group != "" {
		cfg.Group = p.prefix + cfg.Group
	}
	sub, err := p.Transport.Subscriber(cfg)
	return prefixedSubscriber{sub, p.prefix}, err
}

func (p prefixed) Ensure(ctx context.Context, topics ...mq.Topic) error {
	named := make([]mq.Topic, len(topics))
	for i, t := range topics {
		named[i] = mq.Topic{Name: p.prefix + t.Name, Partitions: t.Partitions, Tail: t.Tail, Patient: t.Patient}
	}
	return p.Transport.Ensure(ctx, named...)
}

func (p prefixed) Delete(ctx context.Context, names ...string) error {
	named := make([]string, len(names))
	for i, n := range names {
		named[i] = p.prefix + n
	}
	return p.Transport.Delete(ctx, named...)
}

// Lag asks the inner transport, for topics and groups with the prefix.
func (p prefixed) Lag(ctx context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	inner, ok := p.Transport.(laggards)
	if !ok {
		return nil, errors.New("this transport does not tell its lag")
	}
	named := make([]mq.Reader, len(of))
	for i, r := range of {
		named[i] = mq.Reader{Topic: p.prefix + r.Topic, Group: p.prefix + r.Group}
	}
	lag, err := inner.Lag(ctx, named...)
	out := map[mq.Reader]uint64{}
	for i, r := range of {
		if n, ok := lag[named[i]]; ok {
			out[r] = n
		}
	}
	return out, err
}

type prefixedPublisher struct {
	message.Publisher
	prefix string
}

func (p prefixedPublisher) Publish(topic string, msgs ...*message.Message) error {
	return p.Publisher.Publish(p.prefix+topic, msgs...)
}

type prefixedOutbox struct {
	mq.Outbox
	prefix string
}

func (p prefixedOutbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	named := make([]mq.Outbound, len(out))
	for i, o := range out {
		named[i] = mq.Outbound{Topic: p.prefix + o.Topic, Message: o.Message}
	}
	return p.Outbox.Publish(ctx, named...)
}

type prefixedSubscriber struct {
	message.Subscriber
	prefix string
}

func (s prefixedSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	return s.Subscriber.Subscribe(ctx, s.prefix+topic)
}
