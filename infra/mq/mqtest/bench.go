package mqtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// published is how many messages one call publishes, like a gateway that gathers the sends of many sockets.
const published = 64

// Through measures a transport from publishing to acknowledging; run bounds the messages that are delivered
// together. The caller closes the transport.
func Through(b *testing.B, tr mq.Transport, run int) {
	b.Helper()
	require.NoError(b, tr.Ensure(b.Context(), mq.Topic{Name: "topic"}))
	sub, err := tr.Subscriber(mq.SubscriberConfig{Group: "g", Lanes: 16, Run: run})
	require.NoError(b, err)
	ch, err := sub.Subscribe(context.WithoutCancel(b.Context()), "topic")
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for n := 0; n < b.N; n += published {
			batch := make([]*message.Message, min(published, b.N-n))
			for i := range batch {
				batch[i] = message.NewMessage("uuid", make([]byte, 200))
				batch[i].Metadata[mq.KeyMetadata] = fmt.Sprint(i)
			}
			if err := tr.Publisher().Publish("topic", batch...); err != nil {
				b.Error(err)
			}
		}
	}()
	for n := 0; n < b.N; {
		m := <-ch
		n += len(mq.Run(m))
		m.Ack()
	}
}
