package app

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/gochat/gochat/handlers/searchindex"
	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

// startFeed starts the search index and the webhooks, which follow the stored events.
func (a *App) startFeed(context.Context) error {
	if err := a.startSearch(); err != nil {
		return err
	}
	return a.startWebhooks()
}

// startSearch keeps the search index up to date with the stored events. Messages from before the index are read
// from the database (the backfill). The backfill waits until the consumer group exists: a message that is stored
// before the group exists, and after the backfill has passed it, would be missing in the index.
func (a *App) startSearch() error {
	h := searchindex.New(client.NewSearch(a.calls))
	r, err := routers.NewSearchRouter(a.cfg.Router, a.routing, h)
	if err != nil {
		return err
	}
	a.stack.Go("search router", r.Run)
	a.stack.Go("search backfill", func(ctx context.Context) error {
		select {
		case <-r.Running():
			h.Backfill(ctx, a.reportBackfill)
		case <-ctx.Done():
		}
		<-ctx.Done() // a part that ends by itself ends the process
		return nil
	})
	return nil
}

func (a *App) reportBackfill(messages int64, err error) {
	switch {
	case err != nil:
		a.log.Warn("the search index waits for earlier messages; it tries again", zap.Error(err))
	case messages > 0:
		a.log.Info("earlier messages are in the search index", zap.Int64("messages", messages))
	}
}

// startWebhooks follows the stored events even when no hooks are configured: the queue keeps records
// that a consumer group has not acknowledged, so a group that stops reading would fill it.
func (a *App) startWebhooks() error {
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
