package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/health"
)

// DebugConfig configures the server of the Go runtime's profiles.
type DebugConfig struct {
	// Listen is host:port of net/http/pprof; empty is off. Requests are not
	// authenticated, so it belongs on loopback.
	Listen string `mapstructure:"listen"`
}

// OpsConfig configures the server for monitoring: /livez, /healthz, /readyz and /metrics. A gateway serves
// /readyz and /metrics on its own address as well when that is loopback, or gateway.serve_ops is set.
type OpsConfig struct {
	// Listen is host:port; empty is off. Health and metrics are not authenticated there.
	Listen string `mapstructure:"listen"`
	// DrainDelay is how long a process that is told to stop goes on as before while it
	// reports that it is not ready, so that load balancers choose others before it closes.
	DrainDelay time.Duration `mapstructure:"drain_delay"`
	// Token lets its bearer see the profiles and the status page, and see and change the log's level, where
	// ops.listen is not on loopback. Empty: nobody can do so there.
	Token string `mapstructure:"token" secret:"true"`
}

// operations is the handler of ops.listen: health and metrics for everybody, profiles, the log's level and the
// status page for requests that access lets through.
func (a *App) operations(at net.Addr) http.Handler {
	mux := http.NewServeMux()
	may := newAccess(at, a.cfg.Ops.Token)
	mux.Handle("/debug/pprof/", may.guard(profiles()))
	mux.Handle("/log-level", may.guard(a.logLevel))
	a.mountStatus(mux, newAccess(at, a.cfg.Ops.Token))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeState(w, health.State{Status: health.WordOK}, a.log)
	})
	mux.HandleFunc("GET /livez", a.answerLive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		writeState(w, health.Summarize(a.checks.Recent(r.Context())), a.log)
	})
	mux.HandleFunc("GET /readyz/{dependency}", a.answerOne)
	mux.Handle("/metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}))
	return mux
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

// longestAnswer bounds the time to write an answer. A profile may take minutes.
const longestAnswer = 10 * time.Minute

func serveHTTP(ctx context.Context, ln net.Listener, handler http.Handler) error {
	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: longestAnswer, IdleTimeout: 2 * time.Minute,
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}
