package webhook_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/webhook"
)

// crashing takes news and never settles it, as a process does that dies each time between a post and its
// cursor.
type crashing struct{ webhook.Cursors }

func (c crashing) TakeNews(ctx context.Context, in *pb.TakeNewsRequest) (*pb.TakeNewsResponse, error) {
	in = proto.CloneOf(in)
	in.Settled = nil
	return c.Cursors.TakeNews(ctx, in)
}

// TestACrashBetweenPostAndCursorRepeats, and skips nothing.
func TestACrashBetweenPostAndCursorRepeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	r := receive(t, "crm")
	cfg := settings(map[string]string{"crm": r.URL})
	w.lease = 4 * time.Second
	dying := w.feed(t, cfg, func(d *webhook.Deps) { d.Cursors = crashing{d.Cursors} })
	require.NoError(t, dying.Handle(t.Context(), w.sayAll(t, 10)))
	r.waitFor(t, 3*7) // the first batch of each
	dying.stop()
	w.feed(t, cfg) // this feed has to wait until the leases of the dying one end
	r.waitFor(t, 3*10)
	ids := map[string][]contracts.MessageData{}
	for _, b := range r.all() {
		if before, again := ids[b.DeliveryID]; again {
			assert.Equal(t, before, b.Messages, "the same id, the same messages")
		}
		ids[b.DeliveryID] = b.Messages
	}
	assert.Len(t, ids, 6)
	assert.Equal(t, 21, r.repeated)
}

// TestStoppedFeedsGiveBack: after a feed has stopped, nobody has to wait for its leases to end.
func TestStoppedFeedsGiveBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	r := receive(t, "crm")
	var posts atomic.Int64
	r.set(func(rw http.ResponseWriter, b contracts.WebhookBatch) bool {
		posts.Add(1)
		time.Sleep(30 * time.Millisecond)
		return false
	})
	cfg := settings(map[string]string{"crm": r.URL})
	feed := w.feed(t, cfg)
	require.NoError(t, feed.Handle(t.Context(), w.sayAll(t, 30)))
	require.Eventually(t, func() bool { return posts.Load() > 3 }, patience, time.Millisecond)
	feed.stop()
	assert.Empty(t, feed.failures)
	r.set(nil)
	w.feed(t, cfg)
	r.waitFor(t, 180)
	assert.Zero(t, r.repeated, "what was under way had come to its end")
}
