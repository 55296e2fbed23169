package routers

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/routers/middleware"
)

// outbox gives handlers the transport's outbox without Watermill's types.
type outbox struct {
	out     mq.Outbox
	over    mq.HandsOver // nil: the transport hands nothing over
	metrics *middleware.Metrics
	prefix  string
	system  string // what the queue is called in traces
	count   atomic.Uint64
}

// NewOutbox returns a [handlers.Outbox] on the transport. id is the outbox's name, which a replica keeps over
// its restarts.
func NewOutbox(deps Deps, id string) (handlers.Outbox, error) {
	out, err := deps.Transport.Outbox(id)
	return wrap(deps, id, out, err)
}

// NewFollowUp is NewOutbox for a router, which publishes what follows from the records of its run before it
// acknowledges them; see [mq.FollowUp].
func NewFollowUp(deps Deps, id string) (handlers.Outbox, error) {
	out, err := mq.FollowUp(deps.Transport, id)
	return wrap(deps, id, out, err)
}

func wrap(deps Deps, id string, out mq.Outbox, err error) (handlers.Outbox, error) {
	if err != nil {
		return nil, fmt.Errorf("open the outbox of %s: %w", id, err)
	}
	over, _ := deps.Transport.(mq.HandsOver)
	return &outbox{
		out: out, over: over, metrics: deps.Metrics, system: deps.QueueSystem,
		prefix: id + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "-",
	}, nil
}

// Publish publishes all records or none, with one exception. When a gateway's topic is gone, its users are gone
// from it too: then each record for a gateway is published in a call of its own, records for topics that are
// gone are dropped, and all other records follow in one call.
func (o *outbox) Publish(ctx context.Context, records ...handlers.Record) (err error) {
	if trace.SpanFromContext(ctx).IsRecording() {
		var span trace.Span
		ctx, span = otel.Tracer(middleware.TracerName).Start(ctx, "send outbox", trace.WithSpanKind(trace.SpanKindProducer),
			mq.Sending(o.system, "outbox"), trace.WithAttributes(semconv.MessagingBatchMessageCount(len(records))))
		defer func() {
			if err != nil {
				span.SetStatus(codes.Error, "not published")
			}
			span.End()
		}()
	}
	traced := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, traced) // also when the trace is not kept: log lines are found by its id
	msgs := make([]mq.Outbound, len(records))
	for i, r := range records {
		m, err := o.message(r, traced)
		if err != nil {
			return err
		}
		msgs[i] = mq.Outbound{Topic: r.Topic, Message: m}
	}
	start := time.Now()
	err = o.out.Publish(ctx, msgs...)
	if errors.Is(err, mq.ErrUnknownTopic) {
		err = o.publishKnown(ctx, msgs)
	}
	o.metrics.Published(topics(records), time.Since(start), err)
	if err == nil || errors.Is(err, mq.ErrTooLarge) {
		return err
	}
	// Any other error is of the queue and not of the records.
	return contracts.NewError(contracts.CodeUnavailable, "The server cannot accept this right now; try again.").WithCause(err)
}

func topics(records []handlers.Record) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range records {
			if !yield(records[i].Topic) {
				return
			}
		}
	}
}

func (o *outbox) publishKnown(ctx context.Context, msgs []mq.Outbound) error {
	var durable []mq.Outbound
	for _, m := range msgs {
		if _, ok := contracts.GatewayOfTopic(m.Topic); !ok {
			durable = append(durable, m)
			continue
		}
		if err := o.out.Publish(ctx, m); err != nil && !errors.Is(err, mq.ErrUnknownTopic) {
			return err
		}
	}
	if len(durable) == 0 {
		return nil
	}
	return o.out.Publish(ctx, durable...)
}

// message makes the message of a record. A message that the queue hands over within this process is not
// encoded.
func (o *outbox) message(r handlers.Record, traced propagation.MapCarrier) (*message.Message, error) {
	// A published message is never acknowledged, so it needs none of NewMessage's channels.
	m := &message.Message{UUID: o.prefix + strconv.FormatUint(o.count.Add(1), 36), Metadata: make(message.Metadata, 3)}
	if o.over == nil || !o.over.HandsOver(r.Topic) {
		payload, err := proto.Marshal(r.Message)
		if err != nil {
			return nil, fmt.Errorf("encode a record for %s: %w", r.Topic, err)
		}
		m.Payload = payload
	}
	mq.WithDecoded(m, r.Message)
	m.Metadata[mq.KeyMetadata] = r.Key
	m.Metadata[contracts.MetaSchema] = contracts.SchemaVersion
	maps.Copy(m.Metadata, traced)
	return m, nil
}
