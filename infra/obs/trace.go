package obs

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.26.0"
)

// TraceConfig says where traces go.
type TraceConfig struct {
	// Endpoint is the host:port of an OTLP gRPC receiver; empty traces nothing.
	Endpoint string `mapstructure:"endpoint"`
	// Insecure speaks to it without TLS.
	Insecure bool `mapstructure:"insecure"`
	// Sampling is the share of traces kept, 0 to 1.
	Sampling float64 `mapstructure:"sampling"`
}

// DefaultTraceConfig returns the defaults.
func DefaultTraceConfig() TraceConfig { return TraceConfig{Sampling: 0.01, Insecure: true} }

// StartTracing installs the process's tracer and the W3C propagator. stop
// flushes what is left.
func StartTracing(ctx context.Context, cfg TraceConfig, service string) (stop func(context.Context) error, err error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	if cfg.Endpoint == "" {
		return func(context.Context) error { return nil }, nil
	}
	if cfg.Sampling < 0 || cfg.Sampling > 1 {
		return nil, fmt.Errorf("trace.sampling %v: must be 0 to 1", cfg.Sampling)
	}
	opts := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(cfg.Endpoint)}
	if cfg.Insecure {
		opts = append(opts, otlptracegrpc.WithInsecure())
	}
	exporter, err := otlptracegrpc.New(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("trace.endpoint %s: %w", cfg.Endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Sampling))),
		sdktrace.WithResource(resource.NewSchemaless(semconv.ServiceName(service))),
	)
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}
