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

// DebugConfig opens the runtime's profiles to those who may reach its address.
type DebugConfig struct {
	// Listen is host:port of net/http/pprof; empty is off. It asks nobody who they
	// are, so it belongs on loopback.
	Listen string `mapstructure:"listen"`
}

// OpsConfig opens what machines ask of a process: /livez, /healthz, /readyz and /metrics.
// A gateway serves them on its own address as well when that is loopback, or gateway.serve_ops is set.
type OpsConfig struct {
	// Listen is host:port; empty is off. Who may reach it may ask for health and metrics.
	Listen string `mapstructure:"listen"`
	// DrainDelay is for how long a process that is told to stop goes on as before while it
	// says that it is not ready, so that balancers have found another one when it closes.
	DrainDelay time.Duration `mapstructure:"drain_delay"`
	// Token lets its bearer see profiles, the status page and the log's level, and change that, where
	// ops.listen is not on loopback; empty: nobody can.
	Token string `mapstructure:"token" secret:"true"`
}

// operations answers machines, and people with the right to it: a process is asked on ops.listen.
func (a *App) operations(at net.Addr) http.Handler {
	mux := http.NewServeMux()
	may := newAccess(at, a.cfg.Ops.Token)
	mux.Handle("/debug/pprof/", may.guard(profiles()))
	mux.Handle("/log-level", may.guard(a.loudness))
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

// longestAnswer bounds an answer to machines and operators, such as a profile that takes minutes.
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
