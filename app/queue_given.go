package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// givenKind is the queueKind of the transport of WithTransport. Its name is that of mq.driver, so that validate
// accepts any driver.
func givenKind(t mq.Transport, driver string) queueKind {
	return queueKind{
		name: driver, system: "gochat",
		connect: func(context.Context, MQConfig, string, *zap.Logger) (queue, error) { return given{t}, nil },
	}
}

// given adapts the transport of WithTransport to queue. The optional methods of a transport are called where it has
// them; otherwise the queue is healthy, and has no lag and no topics to delete.
type given struct{ mq.Transport }

func (g given) Health(ctx context.Context) error {
	if t, ok := g.Transport.(interface{ Health(context.Context) error }); ok {
		return t.Health(ctx)
	}
	return nil
}

func (g given) Topics(ctx context.Context) ([]string, error) {
	if t, ok := g.Transport.(interface {
		Topics(context.Context) ([]string, error)
	}); ok {
		return t.Topics(ctx)
	}
	return nil, nil
}

func (g given) Lag(ctx context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	if t, ok := g.Transport.(interface {
		Lag(context.Context, ...mq.Reader) (map[mq.Reader]uint64, error)
	}); ok {
		return t.Lag(ctx, of...)
	}
	return nil, nil
}

// FollowUp implements mq.FollowUps.
func (g given) FollowUp(id string) (mq.Outbox, error) { return mq.FollowUp(g.Transport, id) }

// HandsOver implements mq.HandsOver.
func (g given) HandsOver(topic string) bool {
	t, ok := g.Transport.(mq.HandsOver)
	return ok && t.HandsOver(topic)
}

// Fenced implements mq.Fenceable. The nil channel of a transport without fencing never delivers an error.
func (g given) Fenced() <-chan error {
	if t, ok := g.Transport.(mq.Fenceable); ok {
		return t.Fenced()
	}
	return nil
}
