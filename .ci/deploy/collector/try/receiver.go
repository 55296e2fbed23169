package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"sync"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // as the collector sends
)

// span has the parts of a span that are checked.
type span struct {
	name       string
	parent     string // the id of the parent span; "" for the first one
	start, end time.Time
	failed     bool
	// policy is the name of the policy by which the collector has kept the trace.
	policy string
}

// traces are spans by trace id and span id.
type traces map[string]map[string]span

// receiver receives spans over OTLP.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	address string
	server  *grpc.Server
	done    chan struct{}

	mu      sync.Mutex
	got     traces
	changed chan struct{} // closed when more spans have come
}

func newReceiver() *receiver {
	return &receiver{server: grpc.NewServer(), done: make(chan struct{}), got: traces{}, changed: make(chan struct{})}
}

// start listens on a free port.
func (r *receiver) start() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // stop closes it
	if err != nil {
		return fmt.Errorf("listen for traces: %w", err)
	}
	r.address = ln.Addr().String()
	collector.RegisterTraceServiceServer(r.server, r)
	go func() {
		defer close(r.done)
		_ = r.server.Serve(ln) // ends by stop
	}()
	return nil
}

func (r *receiver) stop() {
	r.server.Stop()
	<-r.done
}

// Export stores the spans of a request.
func (r *receiver) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range in.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			policy := ""
			for _, a := range scope.GetScope().GetAttributes() {
				if a.GetKey() == "tailsampling.policy" {
					policy = a.GetValue().GetStringValue()
				}
			}
			for _, s := range scope.GetSpans() {
				r.take(s, policy)
			}
		}
	}
	close(r.changed)
	r.changed = make(chan struct{})
	return &collector.ExportTraceServiceResponse{}, nil
}

func (r *receiver) take(s *otlp.Span, policy string) {
	id := hex.EncodeToString(s.GetTraceId())
	if r.got[id] == nil {
		r.got[id] = map[string]span{}
	}
	r.got[id][hex.EncodeToString(s.GetSpanId())] = span{
		name: s.GetName(), parent: hex.EncodeToString(s.GetParentSpanId()), failed: s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR,
		start: time.Unix(0, int64(s.GetStartTimeUnixNano())), end: time.Unix(0, int64(s.GetEndTimeUnixNano())), //nolint:gosec // of this century
		policy: policy,
	}
}

// snapshot returns a copy of all spans so far.
func (r *receiver) snapshot() traces {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := traces{}
	for id, spans := range r.got {
		out[id] = maps.Clone(spans)
	}
	return out
}

// await waits until traces have come.
func (r *receiver) await(ctx context.Context, ids []string) error {
	for {
		r.mu.Lock()
		missing := ""
		for _, id := range ids {
			if r.got[id] == nil {
				missing = id
			}
		}
		changed := r.changed
		r.mu.Unlock()
		if missing == "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for trace %s, which a client was told of: %w", missing, ctx.Err())
		}
	}
}

func (t traces) spans() (n int) {
	for _, spans := range t {
		n += len(spans)
	}
	return n
}
