package mq

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Sending are the attributes of a span that publishes to a topic; system is what the queue is called.
func Sending(system, topic string) trace.SpanStartEventOption {
	return trace.WithAttributes(
		attribute.String("messaging.system", system), semconv.MessagingDestinationName(topic),
		semconv.MessagingOperationName("send"), semconv.MessagingOperationTypeSend,
	)
}

// Processing are those of a span that handles a run of so many records of a topic.
func Processing(system, topic, group string, records int) trace.SpanStartEventOption {
	return trace.WithAttributes(
		attribute.String("messaging.system", system), semconv.MessagingDestinationName(topic), semconv.MessagingConsumerGroupName(group),
		semconv.MessagingOperationName("process"), semconv.MessagingOperationTypeProcess, semconv.MessagingBatchMessageCount(records),
	)
}
