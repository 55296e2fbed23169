package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/health"
)

// DebugConfig opens the runtime's profiles to those who may reach its address.
type DebugConfig struct {
	// Listen is host:port of net/http/pprof; empty is off. It asks nobody who they
	// are, so it belongs on loopback.
	Listen string `mapstructure:"listen"`
}

// OpsConfig opens what machines ask of a process: /healthz, /readyz and /metrics.
// A gateway serves them on its own address as well when that is loopback, or gateway.serve_ops is set.
type OpsConfig struct {
	// Listen is host:port; empty is off. It asks nobody who they are.
	Listen string `mapstructure:"listen"`
}

// serveDebug serves profiles until ctx is done.
func serveDebug(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return serveHTTP(ctx, ln, mux)
}

// serveOps answers machines until ctx is done.
func serveOps(ctx context.Context, ln net.Listener, checks *health.Checks, metrics prometheus.Gatherer, log *zap.Logger) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeState(w, health.State{Status: health.WordOK}, log)
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		answers := checks.Run(r.Context())
		for name, err := range answers {
			if err != nil {
				log.Warn("not ready", zap.String("dependency", name), zap.Error(err))
			}
		}
		writeState(w, health.Summarize(answers), log)
	})
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	return serveHTTP(ctx, ln, mux)
}

func writeState(w http.ResponseWriter, state health.State, log *zap.Logger) {
	w.Header().Set("Content-Type", "application/json")
	if state.Status == health.WordDown {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(state); err != nil {
		log.Debug("who asked for the state did not wait for the answer", zap.Error(err))
	}
}

func serveHTTP(ctx context.Context, ln net.Listener, handler http.Handler) error {
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}
