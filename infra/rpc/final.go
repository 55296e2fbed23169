package rpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Final tells the client of a unary call, from within its handler, not to make the call again, here or at
// another server: what the handler lacks is missing for all servers. Otherwise a call whose error is
// codes.Unavailable is made up to four times in about a second. It does nothing for calls within this
// process, which are never repeated.
func Final(ctx context.Context) {
	// It fails when the call did not come over gRPC.
	_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "-1"))
}
