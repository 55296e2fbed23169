package app

import (
	"context"
	"fmt"
	"io"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/stream"
	"github.com/gochat/gochat/infra/obs"
	"github.com/gochat/gochat/routers"
	"github.com/gochat/gochat/routers/middleware"
)

// queue is a transport with the methods that health checks, metrics and the janitor need.
type queue interface {
	mq.Transport
	Health(ctx context.Context) error
	Topics(ctx context.Context) ([]string, error)
	// Lag returns how far each reader's low-water mark is behind the end of its topic.
	Lag(ctx context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error)
}

// embedded is the log in the data directory, which only this process uses.
type embedded struct{ *stream.Stream }

func (e embedded) Topics(context.Context) ([]string, error) { return e.Stream.Topics(), nil }

func (e embedded) Lag(_ context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	lag, out := e.Stream.Lag(), map[mq.Reader]uint64{}
	for _, r := range of {
		out[r] = lag[r.Topic][r.Group] // a reader without lag is missing in the map
	}
	return out, nil
}

// Dump is Stream.Dump without the topics of gateways: a restored system has other gateways.
func (e embedded) Dump(ctx context.Context, w io.Writer) error {
	return e.Stream.Dump(ctx, w, func(topic string) bool {
		_, of := contracts.GatewayOfTopic(topic)
		return of
	})
}

func (a *App) connectQueue(ctx context.Context) (queue, error) {
	kind := a.cfg.MQ.kind()
	if kind.embedded() {
		return a.cfg.MQ.openEmbedded(a.dir.File(QueueDir), a.log)
	}
	return kind.connect(ctx, a.cfg.MQ, a.slot, a.log)
}

// openQueue connects the message queue and makes the shared topics. A process whose roles do not use the queue
// does not connect: it may have no access to the queue, and must work while the queue is away.
func (a *App) openQueue(ctx context.Context) (err error) {
	if !a.roles.need(needsQueue) {
		return nil
	}
	if a.queue, err = a.connectQueue(ctx); err != nil {
		return err
	}
	a.stack.Push("message queue", func(context.Context) error { return a.queue.Close() })
	a.checks.Add("queue", a.queue.Health)
	if q, ok := a.queue.(mq.Fenceable); ok {
		a.stack.Go("publishing", func(ctx context.Context) error { return a.untilFenced(ctx, q) })
	}
	if a.cfg.MQ.kind().embedded() {
		if err := a.forgetGateways(ctx); err != nil {
			return err
		}
	}
	topics := make([]mq.Topic, 0, 4)
	for _, name := range []string{contracts.TopicUpstream, contracts.TopicStored, contracts.TopicFanout, contracts.TopicPoison} {
		// Webhooks and the search index can wait some milliseconds longer for a stored event.
		topics = append(topics, mq.Topic{Name: name, Partitions: a.cfg.MQ.partitions(), Patient: name == contracts.TopicStored})
	}
	if err := a.queue.Ensure(ctx, topics...); err != nil {
		return fmt.Errorf("make the topics: %w", err)
	}
	a.routing = routers.Deps{
		Transport: a.queue, Metrics: middleware.NewMetrics(a.metrics), Log: a.log, Watermill: obs.Watermill(a.log),
		QueueSystem: a.cfg.MQ.kind().system, RecordAll: a.cfg.Trace.RecordsAll(),
	}
	return nil
}

// untilFenced ends the process when another process has opened an outbox of the same name.
func (a *App) untilFenced(ctx context.Context, q mq.Fenceable) error {
	select {
	case err := <-q.Fenced():
		return fmt.Errorf("the name %s is another process's as well: %w; each process needs a name of its own (setting name, GOCHAT_NAME)", a.slot, err)
	case <-ctx.Done():
		return nil
	}
}

// forgetGateways deletes the topics of all gateways in the embedded log. Only this process uses the log, and its
// own gateway has not started yet, so all of them are dead. On servers the janitor deletes such topics.
func (a *App) forgetGateways(ctx context.Context) error {
	topics, err := a.queue.Topics(ctx)
	if err != nil {
		return err
	}
	var dead []string
	for _, t := range topics {
		if _, of := contracts.GatewayOfTopic(t); of {
			dead = append(dead, t)
		}
	}
	if err := a.queue.Delete(ctx, dead...); err != nil {
		return fmt.Errorf("delete the topics of earlier gateways: %w", err)
	}
	return nil
}
