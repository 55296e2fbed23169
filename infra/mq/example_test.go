package mq_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
)

// Messages of one key come to a group in the order in which they were published. A driver for tests is in memory; those
// on servers are opened by their own packages, and from there on are the same.
func Example() {
	ctx := context.Background()
	queue, err := channel.Open(zap.NewNop())
	if err != nil {
		log.Fatal(err)
	}
	if err := queue.Ensure(ctx, mq.Topic{Name: "greetings", Partitions: 1}); err != nil {
		log.Fatal(err)
	}
	readers, err := queue.Subscriber(mq.SubscriberConfig{Group: "readers"})
	if err != nil {
		log.Fatal(err)
	}
	messages, err := readers.Subscribe(ctx, "greetings")
	if err != nil {
		log.Fatal(err)
	}

	for i, text := range []string{"hello", "are you there?"} {
		m := message.NewMessage(fmt.Sprint(i), []byte(text))
		m.Metadata.Set(mq.KeyMetadata, "ann")
		if err := queue.Publisher().Publish("greetings", m); err != nil {
			log.Fatal(err)
		}
	}
	for range 2 {
		m := <-messages
		fmt.Println(string(m.Payload))
		m.Ack()
	}
	fmt.Println(queue.Close())
	// Output:
	// hello
	// are you there?
	// <nil>
}
