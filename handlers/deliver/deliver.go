// Package deliver is the last pipeline stage: it hands every stored message to
// the gateways of its recipients, tells the senders what became of their
// sends, and publishes the stored events, all or none.
package deliver

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Record is one message for one topic.
type Record struct {
	Topic   string
	Key     string
	Payload []byte
}

// Outbox publishes records, all or none. A downstream topic that is gone with
// its gateway is not an error.
type Outbox interface {
	Publish(ctx context.Context, records ...Record) error
}

// New returns the stage. It is the end of the chain; next is called after the
// publish and is the place for whatever wants to see finished envelopes.
func New(out Outbox) handlers.Stage {
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error {
		records, err := Records(env)
		if err != nil || len(records) == 0 {
			return err
		}
		if err := out.Publish(ctx, records...); err != nil {
			return fmt.Errorf("deliver %d messages: %w", len(env.Items), err)
		}
		return nil
	})
}

// Records builds what is to be published for an envelope: one downstream record
// per gateway with the deliveries of the whole envelope in order, and one stored
// event per message.
func Records(env *handlers.Envelope) ([]Record, error) {
	b := builder{at: map[string]int{}}
	for _, it := range env.Items {
		if it.Rejected != nil {
			b.reject(it)
			continue
		}
		if err := b.add(it); err != nil {
			return nil, err
		}
	}
	return b.finish()
}

type builder struct {
	at         map[string]int
	gateways   []string
	downstream []*pb.Downstream
	records    []Record
}

func (b *builder) reject(it *handlers.Item) {
	b.reply(it, contracts.EncodeFrame(contracts.FrameRejected, contracts.RejectedData{
		TempMessageID: it.Upstream.GetTempMessageId(),
		Code:          it.Rejected.Code,
		Message:       it.Rejected.Message,
	}))
}

func (b *builder) add(it *handlers.Item) error {
	m := it.Stored
	if m == nil {
		return fmt.Errorf("deliver message %q: it is neither stored nor rejected", it.Upstream.GetTempMessageId())
	}
	if !it.Filler {
		b.reply(it, contracts.EncodeFrame(contracts.FrameStored, contracts.NewStoredData(m)))
		if err := b.record(contracts.TopicStored, m.GetConversationId(), &pb.Stored{Message: m}); err != nil {
			return err
		}
	}
	if it.Fanout {
		return b.record(contracts.TopicFanout, m.GetConversationId(), &pb.FanoutTask{
			Message: m, GroupId: it.Membership.GetGroupId(), ExceptConnectionId: it.Origin.ConnectionID,
			ConversationId: m.GetConversationId(), MembersVersion: it.Membership.GetMembersVersion(),
		})
	}
	if len(it.Routes) == 0 {
		return nil
	}
	frame := contracts.EncodeFrame(contracts.FrameNew, contracts.NewMessageData(m))
	for _, r := range it.Routes {
		b.push(r.GatewayID, &pb.Delivery{
			UserIds: r.Users, Everyone: r.Everyone, ExceptConnectionId: it.Origin.ConnectionID,
			Frame: frame, ConversationId: m.GetConversationId(), SeqId: m.GetSeqId(),
		})
	}
	return nil
}

// reply goes before the push of the same message, so that the sender's socket
// hears of its own message first.
func (b *builder) reply(it *handlers.Item, frame []byte) {
	if it.Origin.GatewayID == "" {
		return
	}
	b.push(it.Origin.GatewayID, &pb.Delivery{OnlyConnectionId: it.Origin.ConnectionID, Frame: frame})
}

func (b *builder) push(gateway string, d *pb.Delivery) {
	i, ok := b.at[gateway]
	if !ok {
		i = len(b.gateways)
		b.at[gateway] = i
		b.gateways = append(b.gateways, gateway)
		b.downstream = append(b.downstream, &pb.Downstream{})
	}
	b.downstream[i].Deliveries = append(b.downstream[i].Deliveries, d)
}

func (b *builder) record(topic, key string, m proto.Message) error {
	payload, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode a record for %s: %w", topic, err)
	}
	b.records = append(b.records, Record{Topic: topic, Key: key, Payload: payload})
	return nil
}

func (b *builder) finish() ([]Record, error) {
	for i, gw := range b.gateways {
		if err := b.record(contracts.TopicDownstream(gw), gw, b.downstream[i]); err != nil {
			return nil, err
		}
	}
	return b.records, nil
}
