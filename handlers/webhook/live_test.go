package webhook_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/handlers/webhook"
)

// departed notes which hooks are gone.
type departed struct {
	*observed
	mu    sync.Mutex
	hooks []string
}

func (d *departed) Gone(hook string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hooks = append(d.hooks, hook)
}

func (d *departed) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.hooks...)
}

// TestHooksChangeWhileTheFeedRuns: a new receiver gets new messages; a receiver whose URL changes gets them at
// its new URL, none twice and all in order; a receiver that was removed gets nothing more.
func TestHooksChangeWhileTheFeedRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	first, moved, second := receive(t, "crm"), receive(t, "crm"), receive(t, "audit")
	o := &departed{observed: &observed{outcomes: map[string]int{}, behind: map[string]int64{}, states: map[string][]bool{}}}
	live, err := webhook.NewLive(webhook.DefaultConfig(), webhook.Deps{News: w, Cursors: w, Messages: w, Observer: o, ContentMax: 8192})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- live.Run(ctx) }()
	t.Cleanup(func() { cancel(); assert.NoError(t, <-done) })
	configure := func(hooks map[string]string) {
		t.Helper()
		require.NoError(t, live.Configure(settings(hooks), 8192))
	}
	require.True(t, live.Idle())

	configure(map[string]string{"crm": first.URL})
	require.NoError(t, live.Handle(t.Context(), w.sayAll(t, 5)))
	first.waitFor(t, 15)

	maps.Copy(moved.last, first.lasts())
	configure(map[string]string{"crm": moved.URL, "audit": second.URL})
	wrong := settings(map[string]string{"crm": "ftp://nowhere"})
	require.Error(t, live.Configure(wrong, 8192), "an error changes nothing")
	require.NoError(t, live.Handle(t.Context(), w.sayAll(t, 5)))
	moved.waitFor(t, 15)
	assert.Equal(t, 15, first.got())
	assert.Len(t, live.Down(), 2)

	configure(map[string]string{"audit": second.URL})
	require.Eventually(t, func() bool { return len(o.list()) == 1 }, patience, time.Millisecond)
	assert.Equal(t, []string{"crm"}, o.list())
	assert.Len(t, live.Down(), 1)
}
