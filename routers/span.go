package routers

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/routers/middleware"
)

// stageSpan is the span of one stage, without the stages after it.
type stageSpan struct {
	run  context.Context // the run's, in which the next stages go on
	span trace.Span      // nil: the run is in no trace that is recorded
}

// beginStage begins the span of a stage, when the run's is recorded.
func beginStage(ctx context.Context, name string) (context.Context, stageSpan) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, stageSpan{}
	}
	s := stageSpan{run: ctx}
	ctx, s.span = otel.Tracer(middleware.TracerName).Start(ctx, name)
	return ctx, s
}

// next ends the span where the next stage begins, and returns the context for that stage.
func (s *stageSpan) next(ctx context.Context) context.Context {
	if s.span == nil {
		return ctx
	}
	s.span.End()
	s.span = nil
	return trace.ContextWithSpan(ctx, trace.SpanFromContext(s.run))
}

// end ends the span of a stage that returned without calling the next stage.
func (s *stageSpan) end(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, "") // the run's span says why
	}
	s.span.End()
}
