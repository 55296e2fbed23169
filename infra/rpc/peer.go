package rpc

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// callerKey is the metadata in which a client says who it is.
const callerKey = "gochat-caller"

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

// Certificate is what a client's verified certificate says of it.
type Certificate struct {
	// CommonName is the subject's.
	CommonName string
	// Names are its DNS names.
	Names []string
}

// CertificateOf returns the certificate that the caller proved to have; false
// without TLS and in-process.
func CertificateOf(ctx context.Context) (Certificate, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Certificate{}, false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return Certificate{}, false
	}
	leaf := info.State.VerifiedChains[0][0]
	return Certificate{CommonName: leaf.Subject.CommonName, Names: leaf.DNSNames}, true
}
