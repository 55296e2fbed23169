package webhook

import (
	"context"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

const (
	scanPage = 1000
	// scanPause is between two pages, so that a scan of all conversations is no burden for the database.
	scanPause = 20 * time.Millisecond
	// watchEvery is between two looks at how far behind the hooks are.
	watchEvery = 15 * time.Second
)

// scan looks through all conversations, at the start and at intervals, for messages of which no stored event
// came: the queue may have lost the event, or whatever stored the message publishes none.
func (f *Feed) scan(ctx context.Context) {
	for {
		if err := f.scanAll(ctx); err != nil && ctx.Err() == nil {
			f.deps.Observer.Failed("", "look for news in all conversations", err)
		}
		if !handlers.Pause(ctx, f.cfg.ScanInterval/2+backoff(f.cfg.ScanInterval, f.cfg.ScanInterval, 1)/2) {
			return
		}
	}
}

func (f *Feed) scanAll(ctx context.Context) error {
	in := &pb.ScanNewsRequest{Hooks: f.cfg.Names(), Limit: scanPage}
	for {
		var out *pb.ScanNewsResponse
		err := bounded(ctx, func(ctx context.Context) (err error) {
			out, err = f.deps.News.ScanNews(ctx, in)
			return err
		})
		if err != nil {
			return err
		}
		if out.GetRaised() > 0 {
			f.wake()
		}
		in.AfterConversationId = out.GetNextConversationId()
		if in.GetAfterConversationId() == "" || !handlers.Pause(ctx, scanPause) {
			return nil
		}
	}
}

// watch tells how far behind the hooks are.
func (f *Feed) watch(ctx context.Context) {
	for {
		var out *pb.HookStatsResponse
		err := bounded(ctx, func(ctx context.Context) (err error) {
			out, err = f.deps.Cursors.HookStats(ctx, &pb.HookStatsRequest{})
			return err
		})
		if err != nil && ctx.Err() == nil {
			f.deps.Observer.Failed("", "ask how far behind the hooks are", err)
		}
		for _, h := range out.GetHooks() {
			if _, ours := f.hooks[h.GetHook()]; !ours {
				continue
			}
			waiting := time.Duration(0)
			if h.GetWaitingSince() > 0 {
				waiting = max(0, time.Since(time.UnixMilli(h.GetWaitingSince())))
			}
			f.deps.Observer.Behind(h.GetHook(), h.GetConversations(), h.GetMessages(), waiting)
		}
		if !handlers.Pause(ctx, watchEvery) {
			return
		}
	}
}
