package obs

import (
	"context"
	"fmt"
	"sync/atomic"

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

// Tracing is the process's tracer.
type Tracing struct {
	// Stop flushes what is left.
	Stop func(context.Context) error

	ratio ratio
}

// SetSampling changes the share of new traces that are kept. Without an endpoint none is.
func (t *Tracing) SetSampling(share float64) { t.ratio.set(share) }

// ratio is a sampler whose share may change.
type ratio struct {
	now *atomic.Pointer[sdktrace.Sampler]
}

func (r ratio) set(share float64) {
	s := sdktrace.TraceIDRatioBased(share)
	r.now.Store(&s)
}

// ShouldSample implements sdktrace.Sampler.
func (r ratio) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return (*r.now.Load()).ShouldSample(p)
}

// Description implements sdktrace.Sampler.
func (r ratio) Description() string { return "a ratio that may change" }

// StartTracing installs the process's tracer and the W3C propagator. Traces have ids
// whether they are kept or not, and also when none is: a log's lines are found by them.
func StartTracing(ctx context.Context, cfg TraceConfig, service string) (*Tracing, error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	if cfg.Endpoint == "" {
		t := &Tracing{ratio: ratio{&atomic.Pointer[sdktrace.Sampler]{}}}
		provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
		otel.SetTracerProvider(provider)
		t.Stop = provider.Shutdown
		return t, nil
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
	t := &Tracing{ratio: ratio{&atomic.Pointer[sdktrace.Sampler]{}}}
	t.SetSampling(cfg.Sampling)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(t.ratio)),
		sdktrace.WithResource(resource.NewSchemaless(semconv.ServiceName(service))),
	)
	otel.SetTracerProvider(provider)
	t.Stop = provider.Shutdown
	return t, nil
}
