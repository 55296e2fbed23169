package webhook_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// receiver takes batches as a careful one does: it checks the signature, drops what it
// has, and complains of a gap.
type receiver struct {
	*httptest.Server
	t    *testing.T
	hook string

	mu sync.Mutex
	// answer, unless nil, may answer in the place of the receiver; then it returns true.
	answer   func(w http.ResponseWriter, batch contracts.WebhookBatch) bool
	last     map[string]uint64
	messages int
	repeated int
	batches  []contracts.WebhookBatch
}

func receive(t *testing.T, hook string) *receiver {
	t.Helper()
	r := &receiver{t: t, hook: hook, last: map[string]uint64{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // who posted has given up
	}
	var batch contracts.WebhookBatch
	assert.NoError(r.t, json.Unmarshal(body, &batch))
	assert.True(r.t, contracts.VerifyWebhook(secret(r.hook), req.Header.Get(contracts.HeaderWebhookTimestamp),
		req.Header.Get(contracts.HeaderWebhookSignature), body))
	assert.Equal(r.t, batch.DeliveryID, req.Header.Get(contracts.HeaderWebhookDelivery))
	assert.Equal(r.t, r.hook, batch.Hook)
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	if answer != nil && answer(w, batch) {
		return
	}
	r.take(batch)
}

func (r *receiver) take(batch contracts.WebhookBatch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, batch)
	for _, m := range batch.Messages {
		assert.Equal(r.t, batch.ConversationID, m.ConversationID)
		last, known := r.last[m.ConversationID]
		if known && m.SeqID <= last {
			r.repeated++
			continue
		}
		assert.True(r.t, m.SeqID == last+1, "%s: %d comes after %d", m.ConversationID, m.SeqID, last)
		r.last[m.ConversationID] = m.SeqID
		r.messages++
	}
}

func (r *receiver) set(answer func(w http.ResponseWriter, batch contracts.WebhookBatch) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) got() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages
}

func (r *receiver) all() []contracts.WebhookBatch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.batches)
}

func (r *receiver) lasts() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.last)
}

func (r *receiver) waitFor(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return r.got() >= n }, patience, 5*time.Millisecond, "%d of %d messages", r.got(), n)
	require.Equal(t, n, r.got())
}

func status(code int) func(http.ResponseWriter, contracts.WebhookBatch) bool {
	return func(w http.ResponseWriter, _ contracts.WebhookBatch) bool {
		w.WriteHeader(code)
		return true
	}
}
