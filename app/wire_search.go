package app

import (
	"context"

	"go.uber.org/zap"

	"github.com/gochat/gochat/handlers/searchindex"
	"github.com/gochat/gochat/repo/client"
	"github.com/gochat/gochat/routers"
)

// startSearch keeps the search index up to date. What was stored before there was an
// index is read from the database, once the queue keeps what comes after.
func (a *app) startSearch() error {
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

func (a *app) reportBackfill(messages int64, err error) {
	switch {
	case err != nil:
		a.log.Warn("the search index waits for earlier messages; it tries again", zap.Error(err))
	case messages > 0:
		a.log.Info("earlier messages are in the search index", zap.Int64("messages", messages))
	}
}
