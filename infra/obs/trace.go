package obs

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.uber.org/zap"
)

// TraceConfig says where traces go.
type TraceConfig struct {
	// Endpoint is the host:port of an OTLP receiver; empty traces nothing.
	Endpoint string `mapstructure:"endpoint"`
	// Protocol is what that receiver speaks: ProtocolGRPC or ProtocolHTTP.
	Protocol string `mapstructure:"protocol"`
	// Insecure speaks to it without TLS.
	Insecure bool `mapstructure:"insecure"`
	// Sampling is the share of traces kept, 0 to 1.
	Sampling float64 `mapstructure:"sampling"`
	// Errors keeps also traces outside of that share in which something failed: of each, the spans that a
	// process saw.
	Errors bool `mapstructure:"errors"`
}

// DefaultTraceConfig returns the defaults.
func DefaultTraceConfig() TraceConfig {
	return TraceConfig{Protocol: ProtocolGRPC, Sampling: 0.01, Insecure: true, Errors: true}
}

// Validate says what is wrong, naming the setting.
func (c TraceConfig) Validate() error {
	if c.Protocol != ProtocolGRPC && c.Protocol != ProtocolHTTP {
		return fmt.Errorf("trace.protocol %q: must be grpc or http", c.Protocol)
	}
	return nil
}

// RecordsAll reports whether spans of traces outside of the share are recorded, too.
func (c TraceConfig) RecordsAll() bool { return c.Endpoint != "" && c.Errors }

// Service identifies a process in its traces.
type Service struct {
	// Name is that of its role, or of the whole.
	Name string
	// Instance tells it from others of its name.
	Instance string
	Version  string
	Roles    []string
}

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

// StartTracing installs the process's tracer and the W3C propagator. Every trace has an id, also without an
// endpoint and outside of the share that is kept: the log's lines are found by it.
func StartTracing(ctx context.Context, cfg TraceConfig, as Service, log *zap.Logger) (*Tracing, error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t := &Tracing{ratio: ratio{&atomic.Pointer[sdktrace.Sampler]{}}}
	if cfg.Endpoint == "" {
		provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
		otel.SetTracerProvider(provider)
		t.Stop = provider.Shutdown
		return t, nil
	}
	exporter, err := cfg.exporter(ctx)
	if err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not sent", zap.Error(err)) }))
	t.SetSampling(cfg.Sampling)
	provider := newProvider(cfg, sdktrace.NewBatchSpanProcessor(exporter), t.ratio, as)
	otel.SetTracerProvider(provider)
	t.Stop = provider.Shutdown
	return t, nil
}

// maxAttributeBytes bounds one attribute's value, and so the memory of spans that are held back.
const maxAttributeBytes = 1 << 10

func newProvider(cfg TraceConfig, kept sdktrace.SpanProcessor, share sdktrace.Sampler, as Service) *sdktrace.TracerProvider {
	sampler := sdktrace.ParentBased(share)
	if cfg.Errors {
		kept, sampler = newFailed(kept), sdktrace.AlwaysRecord(sampler)
	}
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = maxAttributeBytes
	return sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(kept), sdktrace.WithSampler(sampler), sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithResource(resource.NewWithAttributes(semconv.SchemaURL,
			semconv.ServiceName(as.Name), semconv.ServiceNamespace("gochat"), semconv.ServiceInstanceID(as.Instance),
			semconv.ServiceVersion(as.Version), attribute.StringSlice("gochat.roles", as.Roles),
		)),
	)
}
