package webhook_test

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
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
