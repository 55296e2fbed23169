package gateway

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/mq"
)

// newTracer returns the gateway's tracer.
func newTracer() trace.Tracer { return otel.Tracer("github.com/gochat/gochat/gateway") }

// sending are the spans of a send on its way to the queue: that of the client's frame, and within it,
// when its trace is kept, that of the publish. Both end by the queue's answer.
type sending struct{ frame, publish trace.Span }

// beginSend begins the spans of a send.
func (g *Gateway) beginSend(ctx context.Context, up *pb.Upstream) (context.Context, sending) {
	name := contracts.FrameSend
	if up.GetChange() != nil {
		name = contracts.FrameChange
	}
	var s sending
	ctx, s.frame = g.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	if s.frame.SpanContext().IsSampled() {
		ctx, s.publish = g.tracer.Start(ctx, "send "+contracts.TopicUpstream, trace.WithSpanKind(trace.SpanKindProducer),
			mq.Sending(g.deps.QueueSystem, contracts.TopicUpstream))
	}
	return ctx, s
}

func (s sending) end(err error) {
	for _, span := range []trace.Span{s.publish, s.frame} {
		if span == nil {
			continue
		}
		if err != nil {
			span.SetStatus(codes.Error, "not published")
		}
		span.End()
	}
}

// pushed begins the span of a delivery to sockets, within the trace of its message; nil when that is
// not kept.
func (g *Gateway) pushed(d *pb.Delivery) trace.Span {
	if d.GetTraceParent() == "" {
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": d.GetTraceParent()})
	_, span := g.tracer.Start(ctx, typeOf(d), trace.WithSpanKind(trace.SpanKindConsumer),
		mq.Processing(g.deps.QueueSystem, contracts.TopicDownstream(g.id), "", 1))
	return span
}

// endPushed ends the span of a delivery, with the number of sockets whose queues have its frame.
func endPushed(span trace.Span, sockets int) {
	if span != nil {
		span.SetAttributes(attribute.Int("gochat.sockets", sockets))
		span.End()
	}
}

// describe names a request's span and notes the status; the server's own faults (5xx) mark the span as an error.
func describe(span trace.Span, method, route string, status int) {
	if !span.IsRecording() {
		return
	}
	span.SetName(method + " " + route)
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(route), semconv.HTTPResponseStatusCode(status))
	if status >= 500 {
		span.SetStatus(codes.Error, "")
	}
}
