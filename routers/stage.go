package routers

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/routers/middleware"
)

// carrier takes the decoded envelope from middleware to middleware.
type carrier struct {
	msg *message.Message
	env *handlers.Envelope
	// below is how long the stages after the current one took.
	below time.Duration
	// span is that of the current stage.
	span *stageSpan
}

type carrierKey struct{}

func carrierOf(ctx context.Context) *carrier {
	c, _ := ctx.Value(carrierKey{}).(*carrier)
	return c
}

// decode reads the records of a run once; the stages after it share the
// envelope.
func decode(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		run := mq.Run(msg)
		env := &handlers.Envelope{Items: make([]*handlers.Item, len(run))}
		for i, m := range run {
			it, err := decodeItem(m)
			if err != nil {
				return nil, err
			}
			env.Items[i] = it
		}
		before := msg.Context()
		msg.SetContext(context.WithValue(before, carrierKey{}, &carrier{msg: msg, env: env}))
		// A retry decodes again, from the context as it was.
		defer msg.SetContext(before)
		return h(msg)
	}
}

func decodeItem(m *message.Message) (*handlers.Item, error) {
	up, err := decoded[pb.Upstream](m)
	if err != nil {
		return nil, err
	}
	if up.GetSenderId() <= 0 || up.GetConversationId() == "" || up.GetTempMessageId() == "" {
		return nil, fmt.Errorf("%w: record %s: sender, conversation or tempMessageId is missing", middleware.ErrUndecodable, m.UUID)
	}
	return &handlers.Item{Upstream: up, Origin: handlers.Origin{
		GatewayID:    m.Metadata.Get(contracts.MetaOriginGateway),
		ConnectionID: m.Metadata.Get(contracts.MetaOriginConnection),
		TraceParent:  middleware.Kept(m),
	}}, nil
}

// decodePayload reads a record. Errors: middleware.ErrNewer when a newer release wrote the record, which is
// checked before its payload is decoded; middleware.ErrUndecodable.
func decodePayload(m *message.Message, into proto.Message) error {
	version := m.Metadata.Get(contracts.MetaSchema)
	switch n, err := strconv.ParseUint(version, 10, 31); {
	case err != nil || n == 0:
		return fmt.Errorf("%w: record %s: schema version %q", middleware.ErrUndecodable, m.UUID, version)
	case n > contracts.SchemaNumber:
		return fmt.Errorf("%w: record %s: schema version %s, this worker reads %s", middleware.ErrNewer, m.UUID, version, contracts.SchemaVersion)
	}
	if err := proto.Unmarshal(m.Payload, into); err != nil {
		return fmt.Errorf("%w: record %s: %w", middleware.ErrUndecodable, m.UUID, err)
	}
	return nil
}

// decoded returns the contents of a record, which nobody may change: a record that was published in this
// process shares them with its publisher. Errors are those of decodePayload.
func decoded[M any, P interface {
	*M
	proto.Message
}](m *message.Message) (P, error) {
	if shared, ok := mq.Decoded(m).(P); ok {
		return shared, nil
	}
	out := P(new(M))
	return out, decodePayload(m, out)
}

// lift makes a stage a router middleware, and observes its time without the stages after it. passed, when set,
// gets the envelope when the stage calls the next one.
func lift(name string, stage handlers.Stage, observe func(time.Duration, error), passed func(*handlers.Envelope)) message.HandlerMiddleware {
	return func(h message.HandlerFunc) message.HandlerFunc {
		run := stage(func(ctx context.Context, _ *handlers.Envelope) error {
			c := carrierOf(ctx)
			if passed != nil {
				passed(c.env)
			}
			start := time.Now()
			c.msg.SetContext(c.span.next(ctx))
			_, err := h(c.msg)
			c.below = time.Since(start)
			return err
		})
		return func(msg *message.Message) ([]*message.Message, error) {
			c := carrierOf(msg.Context())
			c.below = 0
			start := time.Now()
			ctx, span := beginStage(msg.Context(), name)
			c.span = &span
			err := run(ctx, c.env)
			span.end(err)
			observe(time.Since(start)-c.below, err)
			return nil, err
		}
	}
}

// decodeRun reads the records of a run, all of one type. Errors are those of decodePayload.
func decodeRun[M any, P interface {
	*M
	proto.Message
}](msg *message.Message,
) ([]P, error) {
	run := mq.Run(msg)
	out := make([]P, len(run))
	for i, m := range run {
		var err error
		if out[i], err = decoded[M, P](m); err != nil {
			return nil, err
		}
	}
	return out, nil
}
