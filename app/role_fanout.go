package app

import (
	"context"
	"runtime"

	"github.com/gochat/gochat/handlers/largegroup"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

// startFanout starts the delivery to large groups.
func (a *App) startFanout(context.Context) error {
	out, err := routers.NewFollowUp(a.routing, a.replica(RoleFanout))
	if err != nil {
		return err
	}
	cfg := a.cfg.Router
	if a.roles.has(RoleMessage) {
		// Fanout gets half of the cores: the message pipeline of this process must not wait for
		// large groups, whose members do not notice that their shards are handled one by one.
		cfg.Lanes = min(cfg.Lanes, max(1, runtime.GOMAXPROCS(0)/2))
	}
	r, err := routers.NewFanoutRouter(cfg, a.routing, largegroup.New(a.groupMembers(), client.NewSessions(a.calls), out, a.startHints(out)))
	if err != nil {
		return err
	}
	a.stack.Go("fanout router", r.Run)
	return nil
}
