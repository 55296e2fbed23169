package middleware

import (
	"context"
	"errors"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/infra/mq"
)

const traceParent = "traceparent"

// Trace continues the trace that came in each record's metadata. A run with several
// traces that are kept is a span of the first, linked to the others. Of traces that are
// not kept the first one's id goes on, for the log. Of an error the content is cut out.
func Trace(name string, content Content) message.HandlerMiddleware {
	tracer := otel.Tracer("gochat/routers")
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			ctx, links, sampled := remote(msg)
			if !sampled {
				msg.SetContext(ctx)
				return h(msg)
			}
			ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
				trace.WithAttributes(attribute.Int("gochat.run", len(mq.Run(msg)))))
			defer span.End()
			msg.SetContext(ctx)
			out, err := h(msg)
			if err != nil {
				span.RecordError(errors.New(content.describe(msg, err)))
				span.SetStatus(codes.Error, "failed")
			}
			return out, err
		}
	}
}

// notSampled ends a traceparent of a trace that is not kept, as we write it.
const notSampled = "-00"

// remote returns a context within the first trace of a run that is kept, or else within
// its first one, and links to the others that are kept.
func remote(msg *message.Message) (ctx context.Context, links []trace.Link, sampled bool) {
	ctx = msg.Context()
	for _, m := range mq.Run(msg) {
		parent := m.Metadata.Get(traceParent)
		if parent == "" || strings.HasSuffix(parent, notSampled) && trace.SpanContextFromContext(ctx).IsValid() {
			continue
		}
		c := propagation.TraceContext{}.Extract(msg.Context(), propagation.MapCarrier(m.Metadata))
		switch kept := trace.SpanContextFromContext(c).IsSampled(); {
		case kept && sampled:
			links = append(links, trace.LinkFromContext(c))
		case kept:
			ctx, sampled = c, true
		case !trace.SpanContextFromContext(ctx).IsValid():
			ctx = c
		}
	}
	return ctx, links, sampled
}

func traceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
