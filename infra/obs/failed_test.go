package obs

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// tracer makes a tracer that keeps a share of traces, and the exporter that gets them.
func tracer(t *testing.T, errors bool, share float64) (trace.Tracer, *tracetest.InMemoryExporter) {
	t.Helper()
	out := tracetest.NewInMemoryExporter()
	p := newProvider(TraceConfig{Errors: errors}, sdktrace.NewSimpleSpanProcessor(out), sdktrace.TraceIDRatioBased(share), Service{Name: "gochat"})
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	return p.Tracer("test"), out
}

func names(of *tracetest.InMemoryExporter) []string {
	all := []string{}
	for _, s := range of.GetSpans() {
		all = append(all, s.Name)
	}
	return all
}

// TestTracesThatFailAreKept: all that this process saw of them, whatever the share.
func TestTracesThatFailAreKept(t *testing.T) {
	for _, c := range []struct {
		name   string
		errors bool
		share  float64
		fails  bool
		want   []string
	}{
		{"goes well", true, 0, false, []string{}},
		{"fails", true, 0, true, []string{"before", "failing", "after", "root"}},
		{"fails, and nobody wants to know", false, 0, true, []string{}},
		{"kept anyway", true, 1, false, []string{"before", "failing", "after", "root"}},
		{"kept anyway, and fails", true, 1, true, []string{"before", "failing", "after", "root"}},
	} {
		tr, out := tracer(t, c.errors, c.share)
		ctx, root := tr.Start(context.Background(), "root")
		for _, name := range []string{"before", "failing", "after"} {
			_, s := tr.Start(ctx, name)
			if c.fails && name == "failing" {
				s.SetStatus(codes.Error, "")
			}
			s.End()
		}
		root.End()
		_, other := tr.Start(context.Background(), "root")
		assert.Equal(t, c.share == 1, other.SpanContext().IsSampled(), "others are told that it is not kept")
		got := names(out)
		assert.Equal(t, c.want, got, c.name)
		for _, s := range out.GetSpans() {
			assert.True(t, s.SpanContext.IsSampled(), c.name)
		}
	}
}

// TestWhatIsHeldBackIsBounded: by traces, by spans of each and of all, and by time.
func TestWhatIsHeldBackIsBounded(t *testing.T) {
	out := tracetest.NewInMemoryExporter()
	f := newFailed(sdktrace.NewSimpleSpanProcessor(out))
	now := time.Unix(1, 0)
	f.now = func() time.Time { return now }
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(f), sdktrace.WithSampler(sdktrace.AlwaysRecord(sdktrace.NeverSample())))
	tr := p.Tracer("test")
	first, root := tr.Start(context.Background(), "first")
	for range 2 * heldOfOneTrace {
		_, s := tr.Start(first, "many")
		s.End()
	}
	assert.Equal(t, heldOfOneTrace, f.spans)
	for range 2 * heldTraces {
		_, s := tr.Start(context.Background(), "another")
		s.End()
	}
	assert.LessOrEqual(t, len(f.traces), heldTraces)
	assert.LessOrEqual(t, len(f.ring), 2*heldTraces)
	root.SetStatus(codes.Error, "")
	root.End()
	assert.Equal(t, []string{"first"}, names(out), "the rest was let go")
	for range heldSpans {
		ctx, s := tr.Start(context.Background(), "a")
		_, b := tr.Start(ctx, "b")
		b.End()
		s.End()
	}
	assert.LessOrEqual(t, f.spans, heldSpans)
	now = now.Add(2 * heldFor)
	_, s := tr.Start(context.Background(), "late")
	s.End()
	assert.Equal(t, 1, f.spans)
	assert.Len(t, f.traces, 1)
}
