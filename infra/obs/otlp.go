package obs

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
)

// The forms of OTLP: trace.protocol.
const (
	ProtocolGRPC = "grpc"
	ProtocolHTTP = "http" // protobuf, posted to /v1/traces
)

// exporter sends spans to the receiver. It connects when there is something to send.
func (c TraceConfig) exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, c.client())
	if err != nil {
		return nil, fmt.Errorf("trace.endpoint %s: %w", c.Endpoint, err)
	}
	return exporter, nil
}

func (c TraceConfig) client() otlptrace.Client {
	if c.Protocol == ProtocolHTTP {
		opts := []otlptracehttp.Option{otlptracehttp.WithEndpoint(c.Endpoint)}
		if c.Insecure {
			opts = append(opts, otlptracehttp.WithInsecure())
		}
		return otlptracehttp.NewClient(opts...)
	}
	opts := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(c.Endpoint)}
	if c.Insecure {
		opts = append(opts, otlptracegrpc.WithInsecure())
	}
	return otlptracegrpc.NewClient(opts...)
}
