package rpc

import (
	"context"
	"fmt"
	"reflect"

	"go.opentelemetry.io/otel"
	otelcodes "go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Local is a gRPC server and the connection to it in one, within this process. A call runs on its caller's
// goroutine, and nothing is encoded or cloned: sender and receiver of a message share its lists and nested
// messages. So neither may change these; setting a field of the message itself is allowed. A handler that
// goes on after its context's end keeps its caller waiting. Register services before the first call; then it
// is safe for concurrent use. Its services have no streams.
type Local struct {
	methods  map[string]method
	services map[string]bool
	said     metadata.MD
	chain    grpc.UnaryServerInterceptor
}

// method is a method of a registered service.
type method struct {
	impl any
	desc grpc.MethodDesc
}

// NewLocal returns an empty in-process channel. Its handlers' errors and panics reach the client as gRPC
// statuses, and traces go through, as over a network. It sets no deadlines; WithTimeout does.
func NewLocal(opts ...Option) *Local {
	o := apply(opts)
	l := &Local{
		methods: map[string]method{}, services: map[string]bool{}, said: metadata.MD{},
		chain: chainUnary(spanOfCall, statusErrors, logFailures(o.log), recoverPanics(o.log)),
	}
	if o.caller != "" {
		l.said.Set(callerKey, o.caller)
	}
	return l
}

// RegisterService adds a service; only before the first call.
func (l *Local) RegisterService(desc *grpc.ServiceDesc, impl any) {
	for _, m := range desc.Methods {
		l.methods["/"+desc.ServiceName+"/"+m.MethodName] = method{impl, m}
	}
	l.services[desc.ServiceName] = true
}

func (l *Local) has(service string) bool { return l.services[service] }

// Invoke implements grpc.ClientConnInterface.
func (l *Local) Invoke(ctx context.Context, name string, args, reply any, _ ...grpc.CallOption) error {
	m, known := l.methods[name]
	if !known {
		return status.Errorf(codes.Unimplemented, "there is no method %s in this process", name)
	}
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	resp, err := m.desc.Handler(m.impl, metadata.NewIncomingContext(ctx, l.said), func(in any) error { return share(in, args) }, l.chain)
	if err != nil {
		return err
	}
	return share(reply, resp)
}

// NewStream implements grpc.ClientConnInterface.
func (*Local) NewStream(_ context.Context, _ *grpc.StreamDesc, name string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Errorf(codes.Unimplemented, "%s: there are no streams within a process", name)
}

// share makes to a shallow copy of from, which has to be of the same type.
func share(to, from any) error {
	dst, src := reflect.ValueOf(to), reflect.ValueOf(from)
	if dst.Type() != src.Type() || dst.Kind() != reflect.Pointer || src.IsNil() {
		return status.Error(codes.Internal, fmt.Sprintf("a message is a %T and not a %T", from, to))
	}
	dst.Elem().Set(src.Elem())
	return nil
}

// chainUnary makes one interceptor of several, the first outermost.
func chainUnary(all ...grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	if len(all) == 1 {
		return all[0]
	}
	rest := chainUnary(all[1:]...)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return all[0](ctx, req, info, func(ctx context.Context, req any) (any, error) {
			return rest(ctx, req, info, handler)
		})
	}
}

// spanOfCall gives a call within a trace a span of its own, as otelgrpc does
// on sockets.
func spanOfCall(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return handler(ctx, req)
	}
	ctx, span := otel.Tracer("github.com/gochat/gochat/infra/rpc").Start(ctx, info.FullMethod[1:], trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(info.FullMethod[1:]))
	}
	defer span.End()
	resp, err := handler(ctx, req)
	if code := status.Code(err); err != nil && span.IsRecording() {
		span.SetAttributes(semconv.RPCResponseStatusCode(code.String()))
		if serversFault(code) {
			span.SetStatus(otelcodes.Error, code.String())
		}
	}
	return resp, err
}

// serversFault tells the codes that make a server's span an error, by the conventions.
func serversFault(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}
