package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/health"
)

// A process beats every second; one that has not for so long does not get on. Machines that are
// overloaded or stopped for a moment are given time.
const (
	beatEvery = time.Second
	beatLimit = 20 * time.Second
)

// ownStart is the name of the check that says whether the process is between its start and its
// stop.
const ownStart = "start"

var (
	errStarting = errors.New("the process is still starting")
	errLeaving  = errors.New("the process is about to stop")
)

// watchHealth makes what the questions for life and readiness are answered from.
func (a *App) watchHealth() {
	a.pulse = health.NewPulse(beatEvery, beatLimit)
	a.stack.Go("pulse", a.pulse.Run)
	a.checks = health.New(2 * time.Second)
	lacks := lacks{log: a.log, since: map[string]lack{}}
	a.checks.OnRound(lacks.tell)
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

// leave begins the stop of a process: those who ask hear that it is not ready, and for
// ops.drain_delay everything goes on, so that they send nobody new when it closes. A part that
// fails meanwhile ends the wait.
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

// answerLive says whether the process gets on, whatever it depends on.
func (a *App) answerLive(w http.ResponseWriter, _ *http.Request) {
	state := health.State{Status: health.WordOK}
	if err := a.pulse.Alive(); err != nil {
		a.log.Error("not alive", zap.Error(err))
		state.Status = health.WordDown
	}
	writeState(w, state, a.log)
}

// answerOne says how one dependency is; 404 when this process has none of that name, or not yet.
func (a *App) answerOne(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("dependency")
	known, err := a.checks.One(r.Context(), name)
	if !known {
		http.Error(w, "This process depends on nothing of that name; /readyz lists all.", http.StatusNotFound)
		return
	}
	writeState(w, health.Summarize(map[string]error{name: err}), a.log)
}
