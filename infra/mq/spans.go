package mq

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Sending returns the attributes of a span that publishes to a topic; system is the queue's name for
// OpenTelemetry.
func Sending(system, topic string) trace.SpanStartEventOption {
	return trace.WithAttributes(
		attribute.String("messaging.system", system), semconv.MessagingDestinationName(topic),
		semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend,
	)
}

// Processing returns the attributes of a span that handles a run; records is how many the run has.
func Processing(system, topic, group string, records int) trace.SpanStartEventOption {
	return trace.WithAttributes(
		attribute.String("messaging.system", system), semconv.MessagingDestinationName(topic), semconv.MessagingConsumerGroupName(group),
		semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess, semconv.MessagingBatchMessageCount(records),
	)
}
