package rpc

import (
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/grpc/resolver"
)

// Option sets what a server, a connection or an in-process channel needs besides its Config.
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

// WithLog sets the log, for panics of handlers and changes of certificates. NewServer takes its log as an
// argument instead.
func WithLog(log *zap.Logger) Option { return func(o *options) { o.log = log } }

// WithMetrics counts and times the calls. Several connections may share a
// registerer.
func WithMetrics(reg prometheus.Registerer) Option { return func(o *options) { o.metrics = reg } }

// WithResolver sets the resolver of targets with the builder's scheme. For Dial only.
func WithResolver(b resolver.Builder) Option { return func(o *options) { o.resolver = b } }

// WithCaller tells servers who calls, as "role/instance". It is for logs and metrics, not for permissions,
// which only a certificate can give. For Dial and NewLocal.
func WithCaller(roleAndInstance string) Option {
	return func(o *options) { o.caller = roleAndInstance }
}
