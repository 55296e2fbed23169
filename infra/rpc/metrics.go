package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/infra/certs"
)

var callBuckets = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

type serverMetrics struct {
	seconds *prometheus.HistogramVec
	roles   roleLabels
}

func newServerMetrics(reg prometheus.Registerer) (*serverMetrics, error) {
	h, err := register(reg, prometheus.HistogramOpts{
		Name: "gochat_rpc_server_seconds", Help: "Time to answer a call, by method, result and the role that called.", Buckets: callBuckets,
	}, "method", "code", "caller")
	return &serverMetrics{seconds: h}, err
}

func (m *serverMetrics) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	began := time.Now()
	resp, err := handler(ctx, req)
	m.seconds.WithLabelValues(info.FullMethod, status.Code(err).String(), m.roles.of(CallerOf(ctx))).Observe(time.Since(began).Seconds())
	return resp, err
}

type clientMetrics struct{ seconds *prometheus.HistogramVec }

func newClientMetrics(reg prometheus.Registerer) (*clientMetrics, error) {
	h, err := register(reg, prometheus.HistogramOpts{
		Name: "gochat_rpc_client_seconds", Help: "Time of a call to another process, its retries included, by method and result.", Buckets: callBuckets,
	}, "method", "code")
	return &clientMetrics{h}, err
}

func (m *clientMetrics) observe(method string, began time.Time, err error) {
	m.seconds.WithLabelValues(method, status.Code(err).String()).Observe(time.Since(began).Seconds())
}

// showExpiry shows when the certificate of this process ends. All connections have the same one.
func showExpiry(reg prometheus.Registerer, src *certs.Source) error {
	if reg == nil {
		return nil
	}
	err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gochat_rpc_certificate_expires_timestamp_seconds", Help: "When the certificate for calls between processes ends, in Unix time.",
	}, func() float64 { return float64(src.Expires().Unix()) }))
	var already prometheus.AlreadyRegisteredError
	if err != nil && !errors.As(err, &already) {
		return fmt.Errorf("register the metric of the certificate: %w", err)
	}
	return nil
}

// register makes a histogram or finds the one that is registered already: all
// connections of a process share theirs.
func register(reg prometheus.Registerer, opts prometheus.HistogramOpts, labels ...string) (*prometheus.HistogramVec, error) {
	h := prometheus.NewHistogramVec(opts, labels)
	if reg == nil {
		return h, nil
	}
	err := reg.Register(h)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if same, ok := already.ExistingCollector.(*prometheus.HistogramVec); ok {
			return same, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("register the metric %s: %w", opts.Name, err)
	}
	return h, nil
}
