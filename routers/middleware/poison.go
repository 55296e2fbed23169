package middleware

import (
	"context"
	"fmt"
	"time"

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
	// Tell, when set, tells the sender of a poisoned record that it will never
	// be stored. Its error keeps the record.
	Tell func(ctx context.Context, msg *message.Message) error
	Log  *zap.Logger
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

func (p Poison) bury(msg *message.Message, reason error) error {
	if p.Tell != nil {
		if err := p.Tell(msg.Context(), msg); err != nil {
			return fmt.Errorf("tell the sender of record %s that it is poisoned (%w): %w", msg.UUID, reason, err)
		}
	}
	dead := message.NewMessage(msg.UUID, msg.Payload)
	for k, v := range msg.Metadata {
		dead.Metadata.Set(k, v)
	}
	dead.Metadata.Set(contracts.MetaPoisonReason, reason.Error())
	dead.Metadata.Set(contracts.MetaPoisonTopic, message.SubscribeTopicFromCtx(msg.Context()))
	dead.Metadata.Set(contracts.MetaTraceID, traceID(msg.Context()))
	if err := p.Publisher.Publish(p.Topic, dead); err != nil {
		return fmt.Errorf("poison record %s (%w): %w", msg.UUID, reason, err)
	}
	p.Log.Error("record poisoned: it can never be handled",
		zap.String("uuid", msg.UUID), zap.Error(reason), zap.Time("at", time.Now()))
	return nil
}
