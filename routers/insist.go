package routers

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/pause"
)

// subscribePause is the pause between two attempts to subscribe.
const subscribePause = 2 * time.Second

// insist wraps the subscriber of a router that begins while the process runs, when the queue may be away: it
// tries again until it has subscribed, and tells failed of each error. When ctx is done first, it returns a
// subscription that has ended, so that the router ends as usual.
func insist(ctx context.Context, failed func(error)) func(message.Subscriber) message.Subscriber {
	return func(s message.Subscriber) message.Subscriber {
		return insisting{Subscriber: s, done: ctx.Done(), failed: failed, pause: subscribePause}
	}
}

type insisting struct {
	message.Subscriber
	done   <-chan struct{}
	failed func(error)
	pause  time.Duration
}

// Subscribe implements message.Subscriber.
func (i insisting) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	for {
		messages, err := i.Subscriber.Subscribe(ctx, topic)
		if err == nil {
			return messages, nil
		}
		i.failed(err)
		if !pause.For(i.done, i.pause) {
			ended := make(chan *message.Message)
			close(ended)
			return ended, nil
		}
	}
}
