package middleware

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
)

// Poison takes records that can never be handled out of the way.
type Poison struct {
	// Publisher and Topic are where such records go, with the reason.
	Publisher message.Publisher
	Topic     string
	// Router and Group name who gives records up.
	Router, Group string
	// About, when set, says what a record is about and who is to be told. Its error keeps
	// the record.
	About func(ctx context.Context, msg *message.Message) (Subject, error)
	// Count counts a poisoned record by its reason.
	Count func(router, reason string)
	Log   *zap.Logger
}

// Subject is what a record is about, as far as it can be read.
type Subject struct {
	// Sender, Conversation and TempMessageID are of the record's message.
	Sender, Conversation, TempMessageID string
	// Content is cut out of what is written about the record.
	Content string
	// Told is what the sender is told; empty is contracts.ToldNobody.
	Told string
	// Tell, when set, tells the sender. It is called once the record is in the poison topic,
	// so that whoever puts records back knows what the sender may have heard.
	Tell func(ctx context.Context) error
}

// Middleware lets transient errors pass (the router nacks, the lane waits). A
// permanent error of a run is narrowed down first: its messages are handled one
// by one, so that only the guilty one is poisoned. Watermill's PoisonQueue
// serves neither runs nor shutdown, which it takes for a reason to poison.
func (p Poison) Middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		_, err := h(msg)
		if err == nil || !IsPermanent(err) {
			return nil, err
		}
		run := mq.Run(msg)
		if len(run) == 1 {
			return nil, p.bury(msg, err)
		}
		for _, one := range run {
			single := alone(one, msg.Context())
			_, err := h(single)
			if err != nil && IsPermanent(err) {
				err = p.bury(single, err)
			}
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
}

// alone returns a copy of one message of a run that is a run of its own.
func alone(msg *message.Message, ctx context.Context) *message.Message { //nolint:revive // the context is that of the run
	single := message.NewMessage(msg.UUID, msg.Payload)
	single.Metadata = msg.Metadata
	single.SetContext(mq.WithRun(ctx, single))
	return single
}

// bury writes the record to the poison topic, then tells its sender. When it fails in between
// the record comes again and is buried again.
func (p Poison) bury(msg *message.Message, why error) error {
	var about Subject
	if p.About != nil {
		var err error
		if about, err = p.About(msg.Context(), msg); err != nil {
			return fmt.Errorf("look at record %s, which is to be poisoned (%w): %w", msg.UUID, why, err)
		}
	}
	reason, text := Reason(why), describe(why, about.Content)
	if err := p.write(note(msg, p.Group, reason, text, about)); err != nil {
		return fmt.Errorf("poison record %s (%s): %w", msg.UUID, text, err)
	}
	if about.Tell != nil {
		if err := about.Tell(msg.Context()); err != nil {
			return fmt.Errorf("tell the sender of record %s that it is poisoned (%s): %w", msg.UUID, text, err)
		}
	}
	p.Count(p.Router, reason)
	p.Log.Error("record poisoned: it can never be handled", zap.String("router", p.Router), zap.String("uuid", msg.UUID),
		zap.String("reason", reason), zap.String("error", text), zap.String("sender", about.Sender),
		zap.String("conversation", about.Conversation), zap.String("trace_id", traceOf(msg)))
	return nil
}

// write publishes a record to the poison topic; one that does not fit there goes without its
// payload, since otherwise it would hold its lane for ever.
func (p Poison) write(dead *message.Message) error {
	err := p.Publisher.Publish(p.Topic, dead)
	if !errors.Is(err, mq.ErrTooLarge) {
		return err
	}
	dead.Metadata.Set(contracts.MetaPoisonError, fmt.Sprintf("%s (the payload of %d bytes did not fit into the poison topic)",
		dead.Metadata.Get(contracts.MetaPoisonError), len(dead.Payload)))
	dead.Payload = nil
	return p.Publisher.Publish(p.Topic, dead)
}
