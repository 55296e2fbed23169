package obs

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Bounds of what is held back of traces that were not sampled, until it is known whether they fail: traces,
// spans of one trace, spans of all, and the time.
const (
	heldTraces     = 4096
	heldOfOneTrace = 64
	heldSpans      = 16384
	heldFor        = 30 * time.Second
)

// failed passes on the spans of sampled traces, and of every other trace with a failed span also the spans
// that ended before or after it. What it holds back is bounded: the oldest trace is dropped for a new one.
type failed struct {
	kept sdktrace.SpanProcessor
	now  func() time.Time

	mu     sync.Mutex
	traces map[trace.TraceID]*held
	ring   []*held // in the order in which they came, from head on
	head   int
	spans  int
}

// held is what was seen of a trace that was not sampled.
type held struct {
	id     trace.TraceID
	since  time.Time
	failed bool
	spans  []sdktrace.ReadOnlySpan
}

func newFailed(kept sdktrace.SpanProcessor) *failed {
	return &failed{kept: kept, now: time.Now, traces: map[trace.TraceID]*held{}}
}

// OnStart implements sdktrace.SpanProcessor.
func (f *failed) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) { f.kept.OnStart(ctx, s) }

// OnEnd implements sdktrace.SpanProcessor.
func (f *failed) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		f.kept.OnEnd(s)
		return
	}
	for _, s := range f.hold(s) {
		f.kept.OnEnd(keptSpan{s})
	}
}

// hold takes a span of a trace that was not sampled, and returns the spans of it that are to be kept after
// all.
func (f *failed) hold(s sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	id := s.SpanContext().TraceID()
	h := f.traces[id]
	if h == nil {
		h = &held{id: id, since: f.now()}
		f.traces[id] = h
		f.ring = append(f.ring, h)
	}
	switch {
	case h.failed:
		return []sdktrace.ReadOnlySpan{s}
	case s.Status().Code == codes.Error:
		out := append(h.spans, s)
		f.spans -= len(h.spans)
		h.failed, h.spans = true, nil
		return out
	case len(h.spans) < heldOfOneTrace:
		h.spans = append(h.spans, s)
		f.spans++
	}
	return nil
}

// forget drops the oldest traces until none is too old and there is room for one more.
func (f *failed) forget() {
	until := f.now().Add(-heldFor)
	for f.head < len(f.ring) {
		h := f.ring[f.head]
		if len(f.traces) < heldTraces && f.spans < heldSpans && h.since.After(until) {
			break
		}
		f.ring[f.head] = nil
		f.head++
		f.spans -= len(h.spans)
		delete(f.traces, h.id)
	}
	if f.head > len(f.ring)/2 {
		f.ring = append(f.ring[:0], f.ring[f.head:]...)
		f.head = 0
	}
}

// Shutdown implements sdktrace.SpanProcessor.
func (f *failed) Shutdown(ctx context.Context) error { return f.kept.Shutdown(ctx) }

// ForceFlush implements sdktrace.SpanProcessor.
func (f *failed) ForceFlush(ctx context.Context) error { return f.kept.ForceFlush(ctx) }

// keptSpan is a span of a trace that was not sampled and is kept because it failed.
type keptSpan struct{ sdktrace.ReadOnlySpan }

// SpanContext implements sdktrace.ReadOnlySpan.
func (s keptSpan) SpanContext() trace.SpanContext {
	sc := s.ReadOnlySpan.SpanContext()
	return sc.WithTraceFlags(sc.TraceFlags().WithSampled(true))
}
