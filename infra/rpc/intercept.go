package rpc

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/infra/obs"
)

// statusErrors makes sure that every error crosses the border as a status; an
// error that brings its own (GRPCStatus) keeps code, message and details.
func statusErrors(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	if err == nil {
		return resp, nil
	}
	return nil, asStatus(err).Err()
}

func asStatus(err error) *status.Status {
	var own interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &own) && own.GRPCStatus().Code() != codes.OK:
		return own.GRPCStatus()
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, err.Error())
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, err.Error())
	}
	return status.New(codes.Unknown, err.Error())
}

// withDeadline gives unary calls without a deadline one, so that no handler
// works for a caller that has long forgotten it.
func withDeadline(d time.Duration) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if _, has := ctx.Deadline(); has {
			return handler(ctx, req)
		}
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return handler(ctx, req)
	}
}

// logFailures logs errors of calls: at error those that are the server's own fault, at warn what is
// unavailable, at debug the rest. An error's cause is not sent to the caller, so it is known only here. An
// outage makes many alike: ten a second are logged, and then each thousandth.
func logFailures(log *zap.Logger) grpc.UnaryServerInterceptor {
	log = log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, time.Second, 10, 1000)
	}))
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		resp, err := handler(ctx, req)
		if err == nil {
			return resp, nil
		}
		level := zapcore.DebugLevel
		switch asStatus(err).Code() {
		case codes.Internal, codes.Unknown, codes.DataLoss:
			level = zapcore.ErrorLevel
		case codes.Unavailable:
			level = zapcore.WarnLevel
		}
		if e := log.Check(level, "a call failed"); e != nil {
			e.Write(append(about(ctx, info.FullMethod), zap.Error(err))...)
		}
		return resp, err
	}
}

// recoverPanics turns a handler's panic into codes.Internal: one bad request must not end the process for all
// others. The caller is not told about the panic.
func recoverPanics(log *zap.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if p := recover(); p != nil {
				resp, err = nil, panicked(ctx, log, info.FullMethod, p)
			}
		}()
		return handler(ctx, req)
	}
}

func streamPanics(log *zap.Logger) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = panicked(ss.Context(), log, info.FullMethod, p)
			}
		}()
		return handler(srv, ss)
	}
}

func panicked(ctx context.Context, log *zap.Logger, method string, p any) error {
	log.Error("a call panicked", append(about(ctx, method), zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))...)
	return status.Error(codes.Internal, "the server failed on this call")
}

// about returns a call's method and caller, for whom the call is made, and its trace.
func about(ctx context.Context, method string) []zap.Field {
	fields := []zap.Field{zap.String("method", method)}
	if caller := CallerOf(ctx); caller != "" {
		fields = append(fields, zap.String("caller", caller))
	}
	return append(fields, obs.Fields(ctx)...)
}

// notHealth leaves health checks, which never end, out of traces.
func notHealth(info *stats.RPCTagInfo) bool {
	return !strings.HasPrefix(info.FullMethodName, "/grpc.health.v1.Health/")
}
