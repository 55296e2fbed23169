package gateway

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// TestClientsDoNotSteerTraces: a client's traceparent is noted in ours, and chooses neither the trace's
// id nor whether it is kept.
func TestClientsDoNotSteerTraces(t *testing.T) {
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	provider, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	t.Cleanup(func() { otel.SetTracerProvider(provider); otel.SetTextMapPropagator(propagator) })
	otel.SetTextMapPropagator(propagation.TraceContext{})
	for _, c := range []struct {
		name, flags string
		share       float64
		kept        int
	}{
		{"sampled by the client, not by us", "01", 0, 0},
		{"sampled by us, not by the client", "00", 1, 1},
		{"sampled by both", "01", 1, 1},
	} {
		spans := tracetest.NewSpanRecorder()
		otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans),
			sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.share)))))
		h := start(t)
		r := h.from("", "GET", "/healthz", http.Header{"Traceparent": {"00-" + theirs + "-00f067aa0ba902b7-" + c.flags}})
		require.Equal(t, 200, r.status)
		require.NotEqual(t, theirs, r.header.Get("X-Trace-Id"), c.name)
		ended := spans.Ended()
		require.Len(t, ended, c.kept, c.name)
		for _, span := range ended {
			require.Equal(t, r.header.Get("X-Trace-Id"), span.SpanContext().TraceID().String(), c.name)
			require.False(t, span.Parent().IsValid(), c.name)
			require.Len(t, span.Links(), 1, c.name)
			require.Equal(t, theirs, span.Links()[0].SpanContext.TraceID().String(), c.name)
		}
		r = h.from("", "GET", "/healthz", http.Header{"Traceparent": {"nonsense"}})
		require.Equal(t, 200, r.status)
	}
}

func TestTraceContinues(t *testing.T) {
	h := start(t)
	a, b := h.call("GET", "/healthz", "", ""), h.call("GET", "/healthz", "", "")
	require.NotEqual(t, a.header.Get("X-Trace-Id"), b.header.Get("X-Trace-Id"))
}
