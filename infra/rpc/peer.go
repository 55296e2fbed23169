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

// withCaller puts into a call's metadata who makes it, and for which request and user.
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

// onBehalf takes what withCaller put into the metadata over into the context, for the log and for further
// calls.
func onBehalf(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var of obs.Caller
	if v := metadata.ValueFromIncomingContext(ctx, requestKey); len(v) > 0 {
		of.Request = v[0]
	}
	if v := metadata.ValueFromIncomingContext(ctx, userKey); len(v) > 0 {
		of.User, _ = strconv.ParseInt(v[0], 10, 64) // 0, nobody, if it is not a number
	}
	if of != (obs.Caller{}) {
		ctx = obs.WithCaller(ctx, of)
	}
	return handler(ctx, req)
}

// CallerOf returns the caller's own statement of who it is, as "role/instance", or "". Nothing proves it, so
// use it for logs and metrics only.
func CallerOf(ctx context.Context) string {
	if v := metadata.ValueFromIncomingContext(ctx, callerKey); len(v) > 0 {
		return v[0]
	}
	return ""
}

// maxRoles bounds the values of a metric's label that a peer may choose.
const maxRoles = 32

// roleLabels maps callers to values of a metric's label: their roles, or "other" for a role that is too long,
// not text, or beyond maxRoles.
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
