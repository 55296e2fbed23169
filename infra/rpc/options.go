package rpc

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc/resolver"
)

// Option is what a server, a connection or the in-process channel may be given
// beside its configuration.
type Option func(*options)

type options struct {
	log      *zap.Logger
	metrics  prometheus.Registerer
	resolver resolver.Builder
	caller   string
}

func apply(opts []Option) options {
	o := options{log: zap.NewNop()}
	for _, set := range opts {
		set(&o)
	}
	return o
}

// WithLog says where to log: panics of handlers, certificates that changed.
// NewServer is given its log anyway.
func WithLog(log *zap.Logger) Option { return func(o *options) { o.log = log } }

// WithMetrics counts and times the calls. Several connections may share a
// registerer.
func WithMetrics(reg prometheus.Registerer) Option { return func(o *options) { o.metrics = reg } }

// WithResolver finds the servers of a target whose scheme is the builder's. For
// Dial only.
func WithResolver(b resolver.Builder) Option { return func(o *options) { o.resolver = b } }

// WithCaller tells servers who calls, as "role/instance". It is for logs and
// metrics, not for permissions: those are the certificate's. For Dial and NewLocal.
func WithCaller(roleAndInstance string) Option {
	return func(o *options) { o.caller = roleAndInstance }
}
