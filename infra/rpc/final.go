package rpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Final tells the client, from within a unary call's handler, that the error which the
// handler is about to return is no reason to make the call again, here or at another
// server: what is missing is missing for all of them. Without it a call that is
// unavailable is made four times in about a second. Where nobody tries again, as in this
// process, it does nothing.
func Final(ctx context.Context) {
	// The error says that this is no call of gRPC's.
	_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "-1"))
}
