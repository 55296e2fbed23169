package middleware

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/infra/mq"
)

const traceParent = "traceparent"

// Trace continues the trace that came in each record's metadata. A run with
// several traces is a span of the first, linked to the others. Records without a
// trace context cost nothing.
func Trace(name string) message.HandlerMiddleware {
	tracer := otel.Tracer("gochat/routers")
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			ctx, opts, traced := remote(msg)
			if !traced {
				return h(msg)
			}
			ctx, span := tracer.Start(ctx, name, opts...)
			defer span.End()
			msg.SetContext(ctx)
			out, err := h(msg)
			if err != nil {
				span.RecordError(err)
				span.SetStatus(codes.Error, "failed")
			}
			return out, err
		}
	}
}

func remote(msg *message.Message) (context.Context, []trace.SpanStartOption, bool) {
	ctx := msg.Context()
	run := mq.Run(msg)
	var links []trace.Link
	traced := false
	for _, m := range run {
		if m.Metadata.Get(traceParent) == "" {
			continue
		}
		c := otel.GetTextMapPropagator().Extract(ctx, propagation.MapCarrier(m.Metadata))
		if !traced {
			ctx, traced = c, true
			continue
		}
		links = append(links, trace.LinkFromContext(c))
	}
	return ctx, []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(links...),
		trace.WithAttributes(attribute.Int("gochat.run", len(run))),
	}, traced
}

func traceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
