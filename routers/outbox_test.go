package routers

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
	"github.com/gochat/gochat/routers/middleware"
)

// TestWhatStaysInTheProcessIsNotEncoded: a gateway of this process gets the very message that a handler
// published; a record that the queue stores is encoded as well.
func TestWhatStaysInTheProcessIsNotEncoded(t *testing.T) {
	t.Parallel()
	queue, err := channel.Open(zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, queue.Close()) }()
	gateway := contracts.TopicDownstream("gw")
	require.NoError(t, queue.Ensure(t.Context(), mq.Topic{Name: gateway, Partitions: 1, Tail: true}, mq.Topic{Name: contracts.TopicStored, Partitions: 1}))
	sub, err := queue.Subscriber(mq.SubscriberConfig{Start: mq.StartNewest, Lanes: 1, Run: 10})
	require.NoError(t, err)
	live, err := sub.Subscribe(t.Context(), gateway)
	require.NoError(t, err)
	kept, err := sub.Subscribe(t.Context(), contracts.TopicStored)
	require.NoError(t, err)
	out, err := NewOutbox(Deps{Transport: queue, Metrics: middleware.NewMetrics(prometheus.NewRegistry())}, "test")
	require.NoError(t, err)

	down, stored := &pb.Downstream{Deliveries: []*pb.Delivery{{Frame: []byte("{}")}}}, &pb.Stored{Message: &pb.Message{Content: "hi"}}
	require.NoError(t, out.Publish(t.Context(),
		handlers.Record{Topic: gateway, Key: "gw", Message: down}, handlers.Record{Topic: contracts.TopicStored, Key: "c", Message: stored}))
	for _, c := range []struct {
		from    <-chan *message.Message
		said    proto.Message
		encoded bool
	}{{live, down, false}, {kept, stored, true}} {
		m := <-c.from
		one := mq.Run(m)[0]
		assert.Same(t, c.said, mq.Decoded(one))
		assert.Equal(t, c.encoded, len(one.Payload) > 0)
		if c.encoded {
			again := &pb.Stored{}
			require.NoError(t, proto.Unmarshal(one.Payload, again))
			assert.True(t, proto.Equal(c.said, again))
		}
		m.Ack()
	}
}
