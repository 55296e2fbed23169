package obs

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// Fields of log lines by which the lines of one request are found.
const (
	FieldTrace   = "trace_id"
	FieldRequest = "request_id"
	FieldUser    = "user_id"
)

// Caller says for which request, and for which user, something is done.
type Caller struct {
	// Request is the id of a client's request, or of its socket.
	Request string
	// User is the user's id; 0: no user is known.
	User int64
}

type callerKey struct{}

// WithCaller returns a context for what is done for a caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns what WithCaller has put into a context.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Fields are the trace, the request and the user of a context, as far as they are known, for a
// line of the log.
func Fields(ctx context.Context) []zap.Field {
	fields := make([]zap.Field, 0, 3)
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		fields = append(fields, zap.Stringer(FieldTrace, sc.TraceID()))
	}
	c := CallerOf(ctx)
	if c.Request != "" {
		fields = append(fields, zap.String(FieldRequest, c.Request))
	}
	if c.User != 0 {
		fields = append(fields, UserField(c.User))
	}
	return fields
}

// UserField is the field of a user; 0 leaves it out.
func UserField(id int64) zap.Field {
	if id == 0 {
		return zap.Skip()
	}
	return zap.Int64(FieldUser, id)
}
