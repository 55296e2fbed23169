package webhook_test

import (
	"context"
	"errors"
	"math/rand/v2"
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
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/repo/store"
)

// unreliable answers as badly as receivers do, most of the time.
func unreliable(r *receiver) func(http.ResponseWriter, contracts.WebhookBatch) bool {
	return func(w http.ResponseWriter, batch contracts.WebhookBatch) bool {
		switch rand.IntN(8) {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		case 3:
			r.take(batch) // the receiver has the batch, but its answer is lost
			panic(http.ErrAbortHandler)
		case 4:
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			return false
		case 5:
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		default:
			return false
		}
		return true
	}
}

// TestEverythingArrivesInOrder: through a receiver that fails in every way and two
// processes that share the work, one of which ends in the middle.
func TestEverythingArrivesInOrder(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		everythingArrives(t, func(n int) *world { return newWorld(t, n) })
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		everythingArrives(t, func(n int) *world { return newWorldOn(t, repotest.MySQL(t), n) })
	})
}

func everythingArrives(t *testing.T, make func(conversations int) *world) {
	t.Helper()
	const conversations, rounds, each = 12, 6, 15
	w := make(conversations)
	r := receive(t, "crm")
	r.set(unreliable(r))
	cfg := settings(map[string]string{"crm": r.URL})
	first := w.feed(t, cfg)
	require.NoError(t, first.Handle(t.Context(), w.sayAll(t, each)))
	// The second feed begins once the receiver has taken something from the first one: how two feeds share work
	// is chance.
	require.Eventually(t, func() bool { return first.count(webhook.Taken) > 0 }, 20*time.Second, time.Millisecond)
	second := w.feed(t, cfg)
	for i := 1; i < rounds; i++ {
		events := w.sayAll(t, each)
		feed := first
		if i%2 == 1 || i > rounds/2 {
			feed = second
		}
		require.NoError(t, feed.Handle(t.Context(), events))
		if i == rounds/2 {
			first.stop()
		}
	}
	r.waitFor(t, conversations*rounds*each)
	assert.Positive(t, second.count(webhook.Taken))
}

// TestAHookThatIsDownHoldsNobody: neither another hook nor the queue.
func TestAHookThatIsDownHoldsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	dead, well := receive(t, "dead"), receive(t, "well")
	release := make(chan struct{})
	dead.set(func(http.ResponseWriter, contracts.WebhookBatch) bool { <-release; panic(http.ErrAbortHandler) })
	cfg := settings(map[string]string{"dead": dead.URL, "well": well.URL})
	cfg.Timeout = 300 * time.Millisecond
	feed := w.feed(t, cfg)
	for range 3 {
		require.NoError(t, feed.Handle(t.Context(), w.sayAll(t, 10)))
	}
	well.waitFor(t, 600)
	require.Eventually(t, func() bool { return feed.Down("dead") != nil }, patience, 5*time.Millisecond)
	require.NoError(t, feed.Down("other"))
	assert.Zero(t, dead.got())

	close(release)
	dead.set(nil)
	dead.waitFor(t, 600)
	require.Eventually(t, func() bool { return feed.Down("dead") == nil }, patience, 5*time.Millisecond)
	assert.Equal(t, []bool{true, false}, feed.states["dead"])
}

// TestOneConversationHoldsNoOther: a receiver that cannot take one conversation goes on with the others, and
// does not count as down.
func TestOneConversationHoldsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 5)
	r := receive(t, "crm")
	bad := w.convs[0]
	r.set(func(rw http.ResponseWriter, batch contracts.WebhookBatch) bool {
		return batch.ConversationID == bad && status(http.StatusBadRequest)(rw, batch)
	})
	feed := w.feed(t, settings(map[string]string{"crm": r.URL}))
	for range 5 {
		require.NoError(t, feed.Handle(t.Context(), w.sayAll(t, 10)))
	}
	r.waitFor(t, 4*50)
	require.Eventually(t, func() bool { return feed.count(webhook.Refused) > 5 }, patience, 5*time.Millisecond, "it is tried again")
	require.NoError(t, feed.Down("crm"))
	assert.NotContains(t, r.lasts(), bad)
	r.set(nil)
	r.waitFor(t, 5*50)
}

// TestRecoveryIsSwift: conversations that wait out a long pause are due as soon as the receiver is back.
func TestRecoveryIsSwift(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	r := receive(t, "crm")
	r.set(func(rw http.ResponseWriter, b contracts.WebhookBatch) bool {
		rw.Header().Set("Retry-After", "3600")
		return status(http.StatusBadRequest)(rw, b)
	})
	cfg := settings(map[string]string{"crm": r.URL})
	cfg.BackoffMax = time.Hour
	feed := w.feed(t, cfg)
	require.NoError(t, feed.Handle(t.Context(), append(w.say(t, w.convs[0], 1), w.say(t, w.convs[1], 1)...)))
	require.Eventually(t, func() bool { return feed.count(webhook.Refused) == 2 }, patience, 5*time.Millisecond)
	require.NoError(t, feed.Down("crm"), "two may be bad by themselves")
	r.set(status(http.StatusServiceUnavailable))
	require.NoError(t, feed.Handle(t.Context(), w.say(t, w.convs[2], 1)))
	require.Eventually(t, func() bool { return feed.Down("crm") != nil }, patience, 5*time.Millisecond)
	r.set(nil)
	r.waitFor(t, 3)
}

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

// TestWhatNobodyToldOfIsFound: an event that the queue lost costs time, and no message.
func TestWhatNobodyToldOfIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	r := receive(t, "crm")
	w.sayAll(t, 9)
	cfg := settings(map[string]string{"crm": r.URL})
	cfg.ScanInterval = time.Second
	w.feed(t, cfg)
	r.waitFor(t, 36)
	w.sayAll(t, 9)
	r.waitFor(t, 72)
}

// TestReplayBesideARunningFeed: cursors are moved back by another process.
func TestReplayBesideARunningFeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	r := receive(t, "crm")
	feed := w.feed(t, settings(map[string]string{"crm": r.URL}))
	require.NoError(t, feed.Handle(t.Context(), w.sayAll(t, 20)))
	r.waitFor(t, 40)
	w.settled(t) // a cursor that is still behind its receiver would be moved back by less
	first := map[string]bool{}
	for _, b := range r.all() {
		first[b.DeliveryID] = true
	}
	before := len(r.all())
	done, err := w.other(t).ReplayHook(t.Context(), store.Replay{Hook: "crm", ConversationID: w.convs[0], FromSeq: 8})
	require.NoError(t, err)
	assert.Equal(t, store.Replayed{Conversations: 1, Messages: 13}, done)
	var seqs []uint64
	require.Eventually(t, func() bool {
		seqs = nil
		for _, b := range r.all()[before:] {
			for _, m := range b.Messages {
				seqs = append(seqs, m.SeqID)
			}
		}
		return len(seqs) == 13
	}, patience, 5*time.Millisecond)
	for i, seq := range seqs {
		assert.EqualValues(t, 8+i, seq)
	}
	for _, b := range r.all()[before:] {
		assert.False(t, first[b.DeliveryID], "a replay has ids of its own")
		assert.Equal(t, w.convs[0], b.ConversationID)
	}
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

// TestBatchesAreBounded in messages, and in bytes but for a single message.
func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r := receive(t, "crm")
	cfg := settings(map[string]string{"crm": r.URL})
	cfg.BatchBytes = 20 // of "text 1" to "text 9": three
	feed := w.feed(t, cfg)
	require.NoError(t, feed.Handle(t.Context(), w.sayAll(t, 9)))
	r.waitFor(t, 9)
	for _, b := range r.all() {
		assert.Len(t, b.Messages, 3)
	}
}
