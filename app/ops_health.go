package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/health"
)

// The pulse of a process beats every beatEvery. A process without a beat for beatLimit is reported as not alive;
// the limit is long, so that an overloaded or briefly stopped machine does not get its processes restarted.
const (
	beatEvery = time.Second
	beatLimit = 20 * time.Second
)

// ownStart names the check that is down before the start has ended and after the stop has begun.
const ownStart = "start"

var (
	errStarting = errors.New("the process is still starting")
	errLeaving  = errors.New("the process is about to stop")
)

// watchHealth starts the pulse for /livez and makes the checks for /readyz.
func (a *App) watchHealth() {
	a.pulse = health.NewPulse(beatEvery, beatLimit)
	a.stack.Go("pulse", a.pulse.Run)
	a.checks = health.New(2 * time.Second)
	changes := dependencyLog{log: a.log, since: map[string]lack{}}
	a.checks.OnRound(changes.tell)
	a.checks.AddOwn(ownStart, func(context.Context) error {
		switch {
		case !a.started.Load():
			return errStarting
		case a.leaving.Load():
			return errLeaving
		}
		return nil
	})
}

// leave begins the stop of a process: it reports that the process is not ready, and then waits for
// ops.drain_delay while everything goes on, so that load balancers send new clients elsewhere. A part that fails
// meanwhile ends the wait with its error.
func (a *App) leave() error {
	a.leaving.Store(true)
	if a.gateway != nil {
		a.gateway.Leave()
	}
	if a.server != nil {
		a.server.Leave()
	}
	if a.cfg.Ops.DrainDelay == 0 {
		return nil
	}
	a.log.Info("this process is not ready any more, and goes on for a while so that others hear of it",
		zap.Duration("ops.drain_delay", a.cfg.Ops.DrainDelay))
	wait := time.NewTimer(a.cfg.Ops.DrainDelay)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case err := <-a.stack.Failed():
		return err
	}
}

// answerLive answers /livez: 503 when the pulse has stopped. Dependencies do not matter.
func (a *App) answerLive(w http.ResponseWriter, _ *http.Request) {
	state := health.State{Status: health.WordOK}
	if err := a.pulse.Alive(); err != nil {
		a.log.Error("not alive", zap.Error(err))
		state.Status = health.WordDown
	}
	writeState(w, state, a.log)
}

// answerOne answers /readyz/{dependency} with the state of one dependency; 404 when this process has no
// dependency of that name, or has not reached it in its start.
func (a *App) answerOne(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("dependency")
	known, err := a.checks.One(r.Context(), name)
	if !known {
		http.Error(w, "This process depends on nothing of that name; /readyz lists all.", http.StatusNotFound)
		return
	}
	writeState(w, health.Summarize(map[string]error{name: err}), a.log)
}
