// Package deliver is the last pipeline stage: it hands every stored message to the gateways of its recipients,
// tells the senders what became of their sends, and publishes the stored events. After an error, a part of an
// envelope may be published.
package deliver

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// New returns the stage, the last one of the chain. It calls next after the publish, for whatever wants to see
// finished envelopes.
func New(out handlers.Outbox) handlers.Stage {
	return handlers.Before(func(ctx context.Context, env *handlers.Envelope) error { return Send(ctx, out, env) })
}

// Send publishes what the items of an envelope call for: answers to senders, a stored event for each message
// that is stored and no filler, tasks for fanout, and pushes. Each gateway gets its deliveries in the order of
// the items, in as few records as the queue's limits allow.
func Send(ctx context.Context, out handlers.Outbox, env *handlers.Envelope) error {
	w := NewWriter(out)
	for _, it := range env.Items {
		if err := add(ctx, w, it); err != nil {
			return fmt.Errorf("deliver %d messages: %w", len(env.Items), err)
		}
	}
	if err := w.Flush(ctx); err != nil {
		return fmt.Errorf("deliver %d messages: %w", len(env.Items), err)
	}
	return nil
}

func add(ctx context.Context, w *Writer, it *handlers.Item) error {
	m := it.Message()
	switch it.State() {
	case handlers.StatePushed, handlers.StateRouted, handlers.StateFannedOut:
	case handlers.StateRejected:
		return reply(ctx, w, it, contracts.FrameRejected, contracts.RejectedData{
			TempMessageID: it.Upstream.GetTempMessageId(),
			Code:          it.Reason().Code,
			Message:       it.Reason().Message,
		})
	default: // going on would acknowledge the message without its push
		return fmt.Errorf("message %q is %v: nobody has decided who gets it", it.Upstream.GetTempMessageId(), it.State())
	}
	if !it.Filler() {
		// Before the push of the same message, so that the sender's socket hears of its own
		// message first.
		if err := reply(ctx, w, it, contracts.FrameStored, contracts.NewStoredData(m)); err != nil {
			return err
		}
		if err := w.Record(ctx, contracts.TopicStored, m.GetConversationId(), &pb.Stored{Message: m}); err != nil {
			return err
		}
	}
	if it.State() == handlers.StateFannedOut {
		return w.Record(ctx, contracts.TopicFanout, m.GetConversationId(), &pb.FanoutTask{
			Message: m, GroupId: it.Membership.GetGroupId(), ExceptConnectionId: it.Origin.ConnectionID,
			ConversationId: m.GetConversationId(), MembersVersion: it.Membership.GetMembersVersion(),
			TraceParent: it.Origin.TraceParent,
		})
	}
	return push(ctx, w, it)
}

func push(ctx context.Context, w *Writer, it *handlers.Item) error {
	p := NewPush(it.Message(), it.Origin.ConnectionID, it.Origin.TraceParent, it.Fresh())
	for _, r := range it.Routes() {
		if err := p.To(ctx, w, r.GatewayID, r.Everyone, r.Users, r.Bare); err != nil {
			return err
		}
	}
	return nil
}

func reply(ctx context.Context, w *Writer, it *handlers.Item, typ string, data any) error {
	if it.Origin.GatewayID == "" {
		return nil
	}
	d := contracts.NewDelivery(pb.Delivery_CLASS_CONTROL, typ, data)
	d.OnlyConnectionId, d.TraceParent = it.Origin.ConnectionID, it.Origin.TraceParent
	return w.Push(ctx, it.Origin.GatewayID, d)
}
