package middleware

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/infra/mq"
)

const traceParent = "traceparent"

// TracerName is the tracer of the routers' spans.
const TracerName = "github.com/gochat/gochat/routers"

// Trace continues the trace that came in each record's metadata.
//
// A trace is kept when it is sampled. A run has one span, in the first of its traces that is kept: what is done
// for the run, down to the database, is below this span, which links to the other kept traces. Each of these
// has a span of its own for its record, which links to the run's span and which the receivers continue. When no
// trace is kept, the id of the first one goes on, for the log.
type Trace struct {
	// System is what the queue is called, and Topic and Group where the records are from.
	System, Topic, Group string
	// Content returns what people wrote in a record, which is cut out of the text of errors.
	Content Content
	// All makes a span also for runs none of whose traces is kept, since the spans of a failed run are kept.
	All bool
}

// Middleware implements message.HandlerMiddleware.
func (t Trace) Middleware(h message.HandlerFunc) message.HandlerFunc {
	tracer, name := otel.Tracer(TracerName), "process "+t.Topic
	return func(msg *message.Message) ([]*message.Message, error) {
		first, others := remote(msg)
		if !first.sampled && !t.All {
			msg.SetContext(first.ctx)
			return h(msg)
		}
		attributes := mq.Processing(t.System, t.Topic, t.Group, len(mq.Run(msg)))
		links := make([]trace.Link, len(others))
		for i := range others {
			links[i] = trace.LinkFromContext(others[i].ctx)
		}
		ctx, span := tracer.Start(first.ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...), attributes)
		run := slices.Clone(mq.Run(msg))
		first.goesOn(ctx, run)
		spans := []trace.Span{span}
		for _, o := range others {
			own, s := tracer.Start(o.ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(trace.LinkFromContext(ctx)), attributes)
			o.goesOn(own, run)
			spans = append(spans, s)
		}
		msg.SetContext(mq.WithRun(ctx, run...))
		out, err := h(msg)
		if err != nil {
			nameUnkept(span, msg)
		}
		for _, s := range spans {
			if err != nil {
				s.SetStatus(codes.Error, t.Content.describe(msg, err))
			}
			s.End()
		}
		return out, err
	}
}

// nameUnkept links the span of a failed run to the traces that are not kept: their clients may ask about the
// failure as well.
func nameUnkept(span trace.Span, msg *message.Message) {
	for _, m := range mq.Run(msg) {
		sc := contextOf(m)
		if sc.IsValid() && !sc.IsSampled() && sc.TraceID() != span.SpanContext().TraceID() {
			span.AddLink(trace.Link{SpanContext: sc})
		}
	}
}

// part is a record of a run with the trace that it came in.
type part struct {
	at      int // its place in the run
	ctx     context.Context
	sampled bool
}

// goesOn makes whatever follows from the record continue the span of ctx, when the record's trace is kept. run
// gets a copy of the record with that span in its metadata: the record itself belongs to the queue, and other
// readers see it.
func (p part) goesOn(ctx context.Context, run []*message.Message) {
	if !p.sampled {
		return
	}
	m := run[p.at]
	own := message.NewMessage(m.UUID, m.Payload)
	maps.Copy(own.Metadata, m.Metadata)
	own.SetContext(m.Context())
	propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(own.Metadata))
	run[p.at] = own
}

// notSampled ends the traceparent of a trace that is not kept, as this program writes it.
const notSampled = "-00"

// remote returns the first record of a run whose trace is kept, or else the first one that has a trace; others
// are the other records whose traces are kept.
func remote(msg *message.Message) (first part, others []part) {
	first = part{ctx: msg.Context()}
	for i, m := range mq.Run(msg) {
		parent := m.Metadata.Get(traceParent)
		if parent == "" || strings.HasSuffix(parent, notSampled) && trace.SpanContextFromContext(first.ctx).IsValid() {
			continue
		}
		sc := contextOf(m)
		p := part{i, trace.ContextWithRemoteSpanContext(msg.Context(), sc), sc.IsSampled()}
		switch {
		case p.sampled && first.sampled:
			others = append(others, p)
		case p.sampled, !trace.SpanContextFromContext(first.ctx).IsValid():
			first = p
		}
	}
	return first, others
}

func contextOf(m *message.Message) trace.SpanContext {
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier(m.Metadata)))
}

// Kept returns the traceparent of a record whose trace is kept, or "".
func Kept(m *message.Message) string {
	if parent := m.Metadata.Get(traceParent); parent != "" && !strings.HasSuffix(parent, notSampled) {
		return parent
	}
	return ""
}

func traceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
