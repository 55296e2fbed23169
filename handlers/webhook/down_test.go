package webhook_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/webhook"
)

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
