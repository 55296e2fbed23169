package app

import (
	"context"
	"errors"
	"maps"

	"google.golang.org/grpc"

	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/announce"
	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/handlers/conversation"
	"github.com/gochat/gochat/handlers/device"
	"github.com/gochat/gochat/handlers/group"
	"github.com/gochat/gochat/handlers/message"
	"github.com/gochat/gochat/handlers/presence"
	"github.com/gochat/gochat/handlers/receipt"
	"github.com/gochat/gochat/handlers/search"
	"github.com/gochat/gochat/handlers/user"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

// startLogic makes the services that the gateway calls.
func (a *App) startLogic(context.Context) error {
	out, err := routers.NewOutbox(a.routing, a.replica(RoleLogic))
	if err != nil {
		return err
	}
	notifier := routers.NewNotifier(client.NewSessions(a.calls), out)
	a.logic = &routers.Logic{}
	return errors.Join(a.makeAccounts(notifier), a.makeTalk(notifier), a.makeGroups(out), a.makePersonal(notifier))
}

func (a *App) mountLogic(on grpc.ServiceRegistrar) { a.logic.Mount(on) }

// makeAccounts makes the services of accounts, tokens and profiles.
func (a *App) makeAccounts(notifier handlers.Notifier) error {
	users := client.NewUsers(a.calls)
	tokens, err := auth.New(a.withKeys(a.cfg.Auth), auth.Deps{
		Accounts: users, Revocations: users, Devices: client.NewDevices(a.calls), Notifier: notifier, IDs: a.ids, Limits: client.NewLimits(a.limits),
		Verifier: a.verifier,
	})
	if err != nil {
		return err
	}
	people, err := user.New(user.Config{Limits: a.cfg.Limits.Limits}, users)
	if err != nil {
		return err
	}
	a.logic.Auth, a.logic.Users = tokens, people
	a.tune(func(c *Config) error {
		people.SetLimits(c.Limits.Limits)
		return tokens.Configure(a.withKeys(c.Auth))
	})
	return nil
}

// withKeys fills in the generated keys of the data directory where auth.keys is empty.
func (a *App) withKeys(c auth.Config) auth.Config {
	if len(c.Keys) == 0 {
		c.Keys, c.ActiveKey = maps.Clone(a.secrets.TokenKeys), a.secrets.ActiveKey
	}
	return c
}

// makeTalk makes the services of conversations, of stored messages and of search.
func (a *App) makeTalk(notifier handlers.Notifier) error {
	convs := client.NewConversations(a.calls)
	conversations, err := conversation.New(a.cfg.Conversation, conversation.Deps{
		Conversations: convs, Directory: convs, Members: client.NewGroups(a.calls), Notifier: notifier,
	})
	if err != nil {
		return err
	}
	messages, err := message.New(message.Config{Limits: a.cfg.Limits.Limits}, convs, client.NewMessages(a.calls))
	if err != nil {
		return err
	}
	found, err := search.New(convs, client.NewSearch(a.calls))
	if err != nil {
		return err
	}
	a.logic.Conversations, a.logic.Messages, a.logic.Search = conversations, messages, found
	a.tune(func(c *Config) error {
		messages.SetLimits(c.Limits.Limits)
		conversations.Configure(c.Conversation)
		return nil
	})
	return nil
}

// makeGroups makes the service of groups; their changes are announced through out.
func (a *App) makeGroups(out handlers.Outbox) error {
	stored := client.NewGroups(a.calls)
	groups, err := group.New(a.cfg.Group, group.Deps{Groups: stored, Changes: stored, Announcer: announce.New(out), IDs: a.ids})
	if err != nil {
		return err
	}
	a.logic.Groups = groups
	a.tune(func(c *Config) error { groups.Configure(c.Group); return nil })
	return nil
}

// makePersonal makes the services of devices, receipts and presence.
func (a *App) makePersonal(notifier handlers.EachNotifier) (err error) {
	if a.logic.Devices, err = device.New(client.NewDevices(a.calls), notifier); err != nil {
		return err
	}
	if a.logic.Receipts, err = receipt.New(client.NewReceipts(a.calls), notifier); err != nil {
		return err
	}
	a.logic.Presence, err = presence.New(client.NewPresence(a.calls), client.NewConversations(a.calls))
	return err
}
