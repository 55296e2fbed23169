package gateway

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

// downstreamRun is how many records are handled together, so that a socket with frames in several of them writes once.
const downstreamRun = 256

// kickAfter is after how many queued frames the writers start although their run goes on, so that a socket that gets
// many frames at once sends some before its queue is full.
const kickAfter = 512

// subscribe makes the gateway's own topic and reads it from its present end: all that is published from now on comes.
func (g *Gateway) subscribe(ctx context.Context) (message.Subscriber, <-chan *message.Message, error) {
	topic := contracts.TopicDownstream(g.id)
	if err := g.deps.Transport.Ensure(ctx, mq.Topic{Name: topic, Partitions: 1, Tail: true}); err != nil {
		return nil, nil, fmt.Errorf("make topic %s: %w", topic, err)
	}
	sub, err := g.deps.Transport.Subscriber(mq.SubscriberConfig{
		Start: mq.StartNewest, Lanes: 1, Run: downstreamRun,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make the subscriber of %s: %w", topic, err)
	}
	// The subscription ends by Close, after the drain, and not with the process's context.
	records, err := sub.Subscribe(context.WithoutCancel(ctx), topic)
	if err != nil {
		_ = sub.Close() // the failure to subscribe is what matters
		return nil, nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	return sub, records, nil
}

// consume hands deliveries to sockets until records is closed.
func (g *Gateway) consume(records <-chan *message.Message) {
	var kick kicks
	for msg := range records {
		frames := 0
		for _, m := range mq.Run(msg) {
			if frames += g.deliver(m, &kick); frames >= kickAfter {
				kick.start()
				frames = 0
			}
		}
		kick.start()
		msg.Ack()
	}
}

// deliver does what a record says and returns how many frames it put into queues.
func (g *Gateway) deliver(m *message.Message, kick *kicks) (frames int) {
	// Every start has an id of its own: a record for another id was meant for another gateway's sockets, or for those of
	// an earlier start.
	if to := m.Metadata[mq.KeyMetadata]; to != g.id {
		g.log.Warn("a delivery is for another gateway and is dropped", zap.String("for", to), zap.String("record", m.UUID))
		return 0
	}
	down, shared := mq.Decoded(m).(*pb.Downstream)
	if !shared {
		down = &pb.Downstream{}
		if err := proto.Unmarshal(m.Payload, down); err != nil {
			// Trying again would not help, and nobody else reads this topic.
			g.log.Error("a delivery cannot be decoded and is dropped", zap.String("record", m.UUID), zap.Error(err))
			return 0
		}
	}
	for _, d := range down.GetDeliveries() {
		if changes := d.GetPresenceChanges(); len(changes) > 0 {
			g.watch.changed(changes)
			continue
		}
		span := g.pushed(d)
		n := g.hub.deliver(d, kick)
		if n > 0 {
			g.metrics.sent(typeOf(d), n)
		}
		endPushed(span, n)
		frames += n
	}
	return frames
}
