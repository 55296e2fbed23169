package app

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

// startFeed starts what follows stored messages.
func (a *app) startFeed(context.Context) error {
	if !a.has(RoleFeed) {
		return nil
	}
	if err := a.startSearch(); err != nil {
		return err
	}
	return a.startWebhooks()
}

// startWebhooks follows the events also when there are no hooks: a consumer group
// that was there once and reads no more holds up what the queue may drop.
func (a *app) startWebhooks() error {
	news := client.NewFeed(a.calls)
	feed, err := webhook.NewLive(a.cfg.Webhook, webhook.Deps{
		News: news, Cursors: news, Messages: client.NewMessages(a.calls),
		Observer: routers.NewWebhookObserver(a.metrics, a.log), ContentMax: a.cfg.Limits.ContentMax,
	})
	if err != nil {
		return err
	}
	router, err := routers.NewWebhookRouter(a.cfg.Router, a.routing, feed)
	if err != nil {
		return err
	}
	a.tune(func(c *Config) error { return feed.Configure(c.Webhook, c.Limits.ContentMax) })
	a.checks.AddGroup(func(context.Context) map[string]error {
		out := map[string]error{}
		for name, err := range feed.Down() {
			if err != nil {
				err = fmt.Errorf("%w: %w", health.ErrDegraded, err)
			}
			out["webhook-"+name] = err
		}
		return out
	})
	a.stack.Go("webhooks", feed.Run)
	a.stack.Go("webhook router", router.Run)
	return nil
}
