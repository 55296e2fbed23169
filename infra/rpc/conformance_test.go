package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// ownError is an error that knows its status, as those of the contract do.
type ownError struct{ st *status.Status }

func (e ownError) Error() string              { return "with a cause that stays here" }
func (e ownError) GRPCStatus() *status.Status { return e.st }

func detailed(t *testing.T, code codes.Code, message string) ownError {
	t.Helper()
	st, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: "username_taken", Domain: "gochat"})
	if err != nil {
		t.Fatal(err)
	}
	return ownError{st}
}

// wires are the ways to reach a service; a caller must not see a difference between them.
var wires = map[string]func(t *testing.T, service echo, cfg Config) grpc.ClientConnInterface{
	"in-process": func(_ *testing.T, service echo, cfg Config) grpc.ClientConnInterface {
		l := NewLocal(WithCaller("logic/7"))
		l.RegisterService(&echoDesc, service)
		return WithTimeout(l, cfg.CallTimeout)
	},
	"socket": func(t *testing.T, service echo, cfg Config) grpc.ClientConnInterface {
		return dial(t, startServer(t, cfg, service).addr, cfg, WithCaller("logic/7"))
	},
	"socket with TLS": func(t *testing.T, service echo, cfg Config) grpc.ClientConnInterface {
		cfg.TLS = newTLS(t)
		return dial(t, startServer(t, cfg, service).addr, cfg, WithCaller("logic/7"))
	},
}

func onAllWires(t *testing.T, cfg Config, service echo, check func(t *testing.T, conn grpc.ClientConnInterface)) {
	for name, connect := range wires {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, connect(t, service, cfg))
		})
	}
}

func TestErrorsAreTheSameOnAllWires(t *testing.T) {
	own := detailed(t, codes.AlreadyExists, "taken")
	unavailable := detailed(t, codes.Unavailable, "try again")
	for name, c := range map[string]struct {
		work    echo
		code    codes.Code
		message string
		details int
	}{
		"own status":              {fails(own), codes.AlreadyExists, "taken", 1},
		"own status wrapped":      {fails(fmt.Errorf("register bob: %w", own)), codes.AlreadyExists, "taken", 1},
		"own status, tried again": {fails(unavailable), codes.Unavailable, "try again", 1},
		"a bare status":           {fails(status.Error(codes.NotFound, "gone")), codes.NotFound, "gone", 0},
		"own status of OK":        {fails(ownError{status.New(codes.OK, "")}), codes.Unknown, "with a cause that stays here", 0},
		"a plain error":           {fails(errors.New("boom")), codes.Unknown, "boom", 0},
		"deadline below":          {fails(fmt.Errorf("query: %w", context.DeadlineExceeded)), codes.DeadlineExceeded, "query: context deadline exceeded", 0},
		"cancelled below":         {fails(fmt.Errorf("query: %w", context.Canceled)), codes.Canceled, "query: context canceled", 0},
		"a panic":                 {func(context.Context, string) (string, error) { panic("secret") }, codes.Internal, "the server failed on this call", 0},
	} {
		t.Run(name, func(t *testing.T) {
			onAllWires(t, DefaultConfig(), c.work, func(t *testing.T, conn grpc.ClientConnInterface) {
				for range 2 { // the server lives after the first
					_, err := call(limited(t), conn, "x")
					st, ok := status.FromError(err)
					if !ok || st.Code() != c.code || st.Message() != c.message || len(st.Details()) != c.details {
						t.Fatalf("got %v with %d details, want %v %q with %d", err, len(st.Details()), c.code, c.message, c.details)
					}
				}
			})
		})
	}
}

func fails(err error) echo {
	return func(context.Context, string) (string, error) { return "", err }
}

// TestMessagesHaveTheirOwnFields: what a service sets in a request, or a caller in an answer, the
// other side does not see.
func TestMessagesHaveTheirOwnFields(t *testing.T) {
	l := NewLocal()
	kept := wrapperspb.String("answer")
	desc := echoDesc
	desc.Methods = []grpc.MethodDesc{{
		MethodName: "Call",
		Handler: func(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := &wrapperspb.StringValue{}
			err := dec(in)
			in.Value += " changed by the service"
			return kept, err
		},
	}}
	l.RegisterService(&desc, nil)
	in, out := wrapperspb.String("question"), &wrapperspb.StringValue{}
	if err := l.Invoke(t.Context(), echoMethod, in, out); err != nil {
		t.Fatal(err)
	}
	out.Value += " changed by the caller"
	if in.Value != "question" || kept.Value != "answer" {
		t.Errorf("the request is %q, the answer is %q", in.Value, kept.Value)
	}
	if err := l.Invoke(t.Context(), echoMethod, wrapperspb.Int64(1), out); status.Code(err) != codes.Internal {
		t.Errorf("a message of another type: %v", err)
	}
}

func TestUnknownMethodOnAllWires(t *testing.T) {
	onAllWires(t, DefaultConfig(), say("x"), func(t *testing.T, conn grpc.ClientConnInterface) {
		for _, method := range []string{"/test.Echo/Nothing", "/test.Nobody/Call"} {
			err := conn.Invoke(limited(t), method, wrapperspb.String("x"), &wrapperspb.StringValue{})
			if status.Code(err) != codes.Unimplemented {
				t.Errorf("%s: %v, want Unimplemented", method, err)
			}
		}
	})
}

func TestDeadlinesOnAllWires(t *testing.T) {
	cfg := DefaultConfig()
	cfg.CallTimeout = 3 * time.Second
	left := func(ctx context.Context, in string) (string, error) {
		if in == "wait" {
			<-ctx.Done()
			return "", ctx.Err()
		}
		d, has := ctx.Deadline()
		return fmt.Sprint(has && time.Until(d) > 0 && time.Until(d) <= 3*time.Second), nil
	}
	onAllWires(t, cfg, left, func(t *testing.T, conn grpc.ClientConnInterface) {
		if got, err := call(context.Background(), conn, ""); err != nil || got != "true" {
			t.Errorf("a call without a deadline reached the service with the default: %q, %v", got, err)
		}
		long, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if got, err := call(long, conn, ""); err != nil || got != "false" {
			t.Errorf("the caller's own deadline was shortened: %q, %v", got, err)
		}
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := call(short, conn, "wait"); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("past the deadline: %v", err)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if _, err := call(stopped, conn, "wait"); status.Code(err) != codes.Canceled {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestCallerOnAllWires(t *testing.T) {
	onAllWires(t, DefaultConfig(), func(ctx context.Context, _ string) (string, error) { return CallerOf(ctx), nil },
		func(t *testing.T, conn grpc.ClientConnInterface) {
			if got, err := call(limited(t), conn, ""); err != nil || got != "logic/7" {
				t.Errorf("got %q, %v", got, err)
			}
		})
}

func TestTraceOnAllWires(t *testing.T) {
	provider, before, propagator := sdktrace.NewTracerProvider(), otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() {
		otel.SetTracerProvider(before)
		otel.SetTextMapPropagator(propagator)
	})
	service := func(ctx context.Context, _ string) (string, error) {
		s := trace.SpanContextFromContext(ctx)
		return s.TraceID().String() + " " + s.SpanID().String(), nil
	}
	onAllWires(t, DefaultConfig(), service, func(t *testing.T, conn grpc.ClientConnInterface) {
		ctx, span := provider.Tracer("test").Start(limited(t), "parent")
		defer span.End()
		got, err := call(ctx, conn, "")
		if err != nil {
			t.Fatal(err)
		}
		id, inner, _ := strings.Cut(got, " ")
		if id != span.SpanContext().TraceID().String() {
			t.Errorf("the service is in trace %s, its caller in %s", id, span.SpanContext().TraceID())
		}
		if inner == span.SpanContext().SpanID().String() {
			t.Error("the call has no span of its own")
		}
	})
}
