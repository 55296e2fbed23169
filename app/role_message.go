package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/authorize"
	"github.com/gochat/gochat/handlers/hint"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

// startMessage starts the message pipeline.
func (a *App) startMessage(context.Context) error {
	out, err := routers.NewFollowUp(a.routing, a.replica(RoleMessage))
	if err != nil {
		return err
	}
	windows := authorize.NewWindows(a.cfg.Message)
	a.tune(func(c *Config) error { windows.Set(c.Message); return nil })
	r, err := routers.NewMessageRouter(a.cfg.Router, a.routing, routers.Pipeline{
		Messages: client.NewMessages(a.calls), Conversations: client.NewConversations(a.calls),
		Groups: a.groupMembers(), Sessions: client.NewSessions(a.calls), Hints: a.startHints(out), IDs: a.ids, Outbox: out, Windows: windows,
	})
	if err != nil {
		return err
	}
	a.stack.Go("message router", r.Run)
	return nil
}

// groupMembers returns the roster of this process, which the roles message and fanout share.
func (a *App) groupMembers() *roster.Roster {
	if a.roster == nil {
		a.roster = roster.New(client.NewGroups(a.calls))
		a.metrics.MustRegister(rosterMetrics(a.roster)...)
	}
	return a.roster
}

// startHints starts the sender of hints for messages that cannot be pushed. Call it before the router
// that uses it is started, so that it stops after that router.
func (a *App) startHints(out handlers.Outbox) *hint.Hinter {
	h := hint.New(out, func(err error) {
		a.log.Warn("sockets were not told to pull messages that could not be pushed", zap.Error(err))
	})
	a.stack.Go("hints", h.Run)
	return h
}
