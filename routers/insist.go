package routers

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/pause"
)

// subscribePause is between two attempts to subscribe.
const subscribePause = 2 * time.Second

// insist wraps a subscriber that is needed later than at the start of a process, when the queue
// may be away: it subscribes again and again, and says each time why, until ctx is done. Then
// the subscription is one that has ended, so that the router ends as it always does.
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
