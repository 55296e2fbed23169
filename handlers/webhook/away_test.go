package webhook_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/webhook"
)

// flaky is a repo that is away now and then.
type flaky struct {
	*world
	away atomic.Bool
}

func (f *flaky) TakeNews(ctx context.Context, in *pb.TakeNewsRequest) (*pb.TakeNewsResponse, error) {
	if f.away.Load() {
		return nil, errors.New("away")
	}
	return f.world.TakeNews(ctx, in)
}

func (f *flaky) BeginHooks(ctx context.Context, in *pb.BeginHooksRequest) (*pb.BeginHooksResponse, error) {
	if f.away.Load() {
		return nil, errors.New("away")
	}
	return f.world.BeginHooks(ctx, in)
}

func (f *flaky) RaiseNews(ctx context.Context, in *pb.RaiseNewsRequest) (*pb.RaiseNewsResponse, error) {
	if f.away.Load() {
		return nil, errors.New("away")
	}
	return f.world.RaiseNews(ctx, in)
}

func (f *flaky) History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	if f.away.Load() {
		return nil, errors.New("away")
	}
	return f.world.History(ctx, in)
}

// TestTheRepositoryMayBeAway: the receiver does not count as down for it, and the feed goes on later.
func TestTheRepositoryMayBeAway(t *testing.T) {
	t.Parallel()
	w := &flaky{world: newWorld(t, 3)}
	r := receive(t, "crm")
	w.away.Store(true)
	cfg := settings(map[string]string{"crm": r.URL})
	feed := w.feed(t, cfg, func(d *webhook.Deps) { d.News, d.Cursors, d.Messages = w, w, w })
	events := w.sayAll(t, 10)
	require.Error(t, feed.Handle(t.Context(), events), "the event stays in the queue")
	w.away.Store(false)
	require.NoError(t, feed.Handle(t.Context(), events))
	r.waitFor(t, 30)
	w.away.Store(true)
	w.sayAll(t, 10)
	w.away.Store(false)
	require.NoError(t, feed.Handle(t.Context(), w.sayAll(t, 1)))
	r.waitFor(t, 63)
	require.NoError(t, feed.Down("crm"))
}
