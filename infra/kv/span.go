package kv

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// begin begins the span of a command, without the command's arguments, within a trace that is recorded;
// otherwise the span is nil.
func begin(ctx context.Context, command string, commands int) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	ctx, span := otel.Tracer("github.com/gochat/gochat/infra/kv").Start(ctx, command, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(semconv.DBSystemNameRedis, semconv.DBOperationName(command)))
	if commands > 1 {
		span.SetAttributes(semconv.DBOperationBatchSize(commands))
	}
	return ctx, span
}

// end ends a span with the command's outcome, never with an error's text, which quotes arguments.
func end(span trace.Span, outcome string) {
	if span == nil {
		return
	}
	if outcome != "ok" && outcome != "canceled" {
		span.SetAttributes(semconv.ErrorTypeKey.String(outcome))
		span.SetStatus(codes.Error, outcome)
	}
	span.End()
}
