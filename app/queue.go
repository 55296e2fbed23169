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

// queue is a transport with what operators want to know of it.
type queue interface {
	mq.Transport
	Health(ctx context.Context) error
	Topics(ctx context.Context) ([]string, error)
	// Lag is how far readers are behind the ends of their topics.
	Lag(ctx context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error)
}

// embedded is the log that this process has to itself.
type embedded struct{ *stream.Stream }

func (e embedded) Topics(context.Context) ([]string, error) { return e.Stream.Topics(), nil }

func (e embedded) Lag(_ context.Context, of ...mq.Reader) (map[mq.Reader]uint64, error) {
	lag, out := e.Stream.Lag(), map[mq.Reader]uint64{}
	for _, r := range of {
		out[r] = lag[r.Topic][r.Group] // those who are not behind are not in it
	}
	return out, nil
}

// Dump is the function of this name, without what only a gateway reads that does not live any more by then.
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

// openQueue connects the message queue and makes the topics. A process without a role that is at one end
// of the queue leaves it alone: it may not be let through to it, and lives on while the queue is away.
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
		// Hooks and the search index do not notice some milliseconds.
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

// untilFenced ends the process when another one has taken its place at the queue.
func (a *App) untilFenced(ctx context.Context, q mq.Fenceable) error {
	select {
	case err := <-q.Fenced():
		return fmt.Errorf("the name %s is another process's as well: %w; each process needs a name of its own (setting name, GOCHAT_NAME)", a.slot, err)
	case <-ctx.Done():
		return nil
	}
}

// forgetGateways deletes the topics of gateways that lived before this process,
// which has the log to itself: none of them lives. Elsewhere the janitor does it.
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
