package rpc

import (
	"context"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"go.opentelemetry.io/otel"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Local is a gRPC server and the connection to it in one, within this process:
// messages are cloned, not encoded. Register services before the first call;
// then it is safe for concurrent use.
type Local struct {
	*inprocgrpc.Channel
	services map[string]bool
	caller   string
}

// NewLocal returns an empty in-process channel. Its servers' errors and panics
// reach the client as gRPC statuses, as over a wire, and so does the trace; a
// deadline is the caller's to set (WithTimeout).
func NewLocal(opts ...Option) *Local {
	o := apply(opts)
	chain := chainUnary(continueTrace, onBehalf, statusErrors, logFailures(o.log), recoverPanics(o.log))
	return &Local{
		Channel:  (&inprocgrpc.Channel{}).WithServerUnaryInterceptor(chain).WithServerStreamInterceptor(streamPanics(o.log)),
		services: map[string]bool{},
		caller:   o.caller,
	}
}

// RegisterService adds a service; only before the first call.
func (l *Local) RegisterService(desc *grpc.ServiceDesc, impl any) {
	l.Channel.RegisterService(desc, impl)
	l.services[desc.ServiceName] = true
}

func (l *Local) has(service string) bool { return l.services[service] }

// Invoke implements grpc.ClientConnInterface.
func (l *Local) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return l.Channel.Invoke(withTrace(withCaller(ctx, l.caller)), method, args, reply, opts...)
}

// chainUnary makes one interceptor of several, the first outermost: the channel
// takes one only.
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

// withTrace hands the trace on in metadata: the channel, like a wire, passes no
// other values of a context.
func withTrace(ctx context.Context) context.Context {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	for k, v := range carrier {
		ctx = metadata.AppendToOutgoingContext(ctx, k, v)
	}
	return ctx
}

// continueTrace gives a call within a trace a span of its own, as otelgrpc does
// on sockets.
func continueTrace(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if len(md.Get("traceparent")) == 0 {
		return handler(ctx, req)
	}
	ctx = otel.GetTextMapPropagator().Extract(ctx, mdCarrier(md))
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

// mdCarrier reads a trace from metadata.
type mdCarrier metadata.MD

// Get implements propagation.TextMapCarrier.
func (c mdCarrier) Get(key string) string {
	if v := metadata.MD(c).Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c mdCarrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

// Keys implements propagation.TextMapCarrier.
func (c mdCarrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}
