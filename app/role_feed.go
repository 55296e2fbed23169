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

// startFeed starts what follows stored messages.
func (a *App) startFeed(context.Context) error {
	if err := a.startSearch(); err != nil {
		return err
	}
	return a.startWebhooks()
}

// startSearch keeps the search index up to date. What was stored before there was an
// index is read from the database, once the queue keeps what comes after.
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

// startWebhooks follows the events also when there are no hooks: a consumer group
// that was there once and reads no more holds up what the queue may drop.
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
