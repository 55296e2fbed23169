package rpc

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/gochat/gochat/infra/obs"
)

// callerKey is the metadata in which a client says who it is.
const callerKey = "gochat-caller"

// Metadata in which a call says on whose behalf it is made.
const (
	requestKey = "gochat-request"
	userKey    = "gochat-user"
)

// withCaller says who makes a call, and on whose behalf.
func withCaller(ctx context.Context, caller string) context.Context {
	of := obs.CallerOf(ctx)
	said := make([]string, 0, 6)
	if caller != "" {
		said = append(said, callerKey, caller)
	}
	if of.Request != "" {
		said = append(said, requestKey, of.Request)
	}
	if of.User != 0 {
		said = append(said, userKey, strconv.FormatInt(of.User, 10))
	}
	if len(said) == 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, said...)
}

// onBehalf takes up what the client has said by withCaller, for the log and for further calls.
func onBehalf(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var of obs.Caller
	if v := metadata.ValueFromIncomingContext(ctx, requestKey); len(v) > 0 {
		of.Request = v[0]
	}
	if v := metadata.ValueFromIncomingContext(ctx, userKey); len(v) > 0 {
		of.User, _ = strconv.ParseInt(v[0], 10, 64) // 0, which is nobody, where it is no number
	}
	if of != (obs.Caller{}) {
		ctx = obs.WithCaller(ctx, of)
	}
	return handler(ctx, req)
}

// CallerOf returns who says to make a call, as "role/instance", or "". Nothing
// proves it: it is for logs and metrics.
func CallerOf(ctx context.Context) string {
	if v := metadata.ValueFromIncomingContext(ctx, callerKey); len(v) > 0 {
		return v[0]
	}
	return ""
}

// maxRoles bounds the values of a metric's label that a peer may choose.
const maxRoles = 32

// roleLabels turns callers into the values of a metric's label: their roles, as
// long as those are few and plain.
type roleLabels struct {
	mu    sync.RWMutex
	known map[string]bool
}

func (r *roleLabels) of(caller string) string {
	role, _, _ := strings.Cut(caller, "/")
	r.mu.RLock()
	known := r.known[role]
	r.mu.RUnlock()
	if known || role == "" {
		return role
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxRoles || len(role) > 64 || !utf8.ValidString(role) {
		return "other"
	}
	if r.known == nil {
		r.known = map[string]bool{}
	}
	r.known[role] = true
	return role
}
