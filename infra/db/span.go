package db

import (
	"context"
	"strings"

	"github.com/uptrace/bun"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

const tracerName = "github.com/gochat/gochat/infra/db"

// spanKey is the key under which a statement's span waits in the query event.
type spanKey struct{}

// system is the database's name in traces.
func (h *slowHook) system() attribute.KeyValue {
	if h.backslash {
		return semconv.DBSystemNameMySQL
	}
	return semconv.DBSystemNameSQLite
}

// begin begins the span of a statement within a trace that is recorded. The span names the operation and the
// table, and no values.
func (h *slowHook) begin(ctx context.Context, e *bun.QueryEvent) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	operation, table := strings.ToUpper(operationOf(e.Query)), tableOf(e.Query)
	summary := strings.TrimSpace(operation + " " + table)
	_, span := otel.Tracer(tracerName).Start(ctx, summary, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(e.StartTime),
		trace.WithAttributes(h.system(), semconv.DBOperationName(operation), semconv.DBCollectionName(table), semconv.DBQuerySummary(summary)))
	if e.Stash == nil {
		e.Stash = map[any]any{}
	}
	e.Stash[spanKey{}] = span
}

func (h *slowHook) end(e *bun.QueryEvent) {
	if span, ok := e.Stash[spanKey{}].(trace.Span); ok {
		endSpan(span, e.Err)
	}
}

// endSpan ends a span with the statement's outcome, never with an error's text, which may quote values. A
// unique violation and a canceled context are no failures.
func endSpan(span trace.Span, err error) {
	if _, taken := IsUniqueViolation(err); !taken && endOf(err) == endError {
		span.SetAttributes(semconv.ErrorTypeOther)
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Span begins a span named summary for several statements, if the trace of ctx is recorded; end ends it with
// their error.
func (d *DB) Span(ctx context.Context, summary string, records int) (_ context.Context, end func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := otel.Tracer(tracerName).Start(ctx, summary, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(d.hook.system(), semconv.DBQuerySummary(summary), semconv.DBOperationBatchSize(records)))
	return ctx, func(err error) { endSpan(span, err) }
}

// tableOf returns the first table that a statement names, "" when its name is not plain.
func tableOf(query string) string {
	const longest = 64
	words := strings.Fields(query[:min(len(query), 4<<10)])
	for i, word := range words[:max(len(words)-1, 0)] {
		switch strings.ToUpper(word) {
		case "FROM", "INTO", "UPDATE":
			name := strings.Trim(words[i+1], "`\"")
			if len(name) > longest || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
				return ""
			}
			return name
		}
	}
	return ""
}
