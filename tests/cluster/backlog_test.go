package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
)

const (
	// The numbers of sends in each backlog. Each send has 8 KiB, so 64 of them fill a run.
	singleBacklog, circleBacklog, crowdBacklog = 256, 128, 96
	// worked bounds the handling of a backlog on a slow machine; a run that blocks its lane
	// would never end.
	worked = 2 * time.Minute
)

// backlog pauses workers until sends of several runs wait for them, with contents that grow most in JSON: first the
// message workers, with sends to a single chat, a small and a large group; then fanout, with tasks of the large
// group. Afterwards all sends have to be stored and delivered, none may become poison, and later sends must not be
// delayed.
func backlog(t *testing.T, w *town) {
	t.Helper()
	criers := w.people[:3]
	w.while(t, "message", func() {
		criers[0].Cry(chaos.Target{ReceiverID: w.people[1].Account.UserID}, singleBacklog)
		criers[1].Cry(w.circles[0], circleBacklog)
		criers[2].Cry(w.crowd, crowdBacklog)
		require.Eventually(t, func() bool { _, n := crying(criers); return n == 0 }, complete, 20*time.Millisecond, "the queue takes it")
		waiting, _ := crying(criers)
		require.Equal(t, singleBacklog+circleBacklog+crowdBacklog, waiting, "nobody works, so all of it waits")
		for _, one := range w.people { // the backlog is load enough, even more so on a slow machine
			one.Hush()
		}
	})
	defer func() {
		for _, one := range w.people {
			one.Speak()
		}
	}()
	outcome := func() {
		require.Eventually(t, func() bool { n, _ := crying(criers); return n == 0 }, worked, 20*time.Millisecond,
			"all of it is stored, and its senders are told")
	}
	resumed := time.Now()
	outcome()
	t.Logf("%d sends of 8 KiB that waited had their outcome %.1f s after the workers went on",
		singleBacklog+circleBacklog+crowdBacklog, time.Since(resumed).Seconds())
	w.crowdHears(t)
	w.while(t, "fanout", func() {
		criers[2].Cry(w.crowd, crowdBacklog)
		outcome() // all sends are stored, and their tasks wait
	})
	w.crowdHears(t)
	for _, one := range criers {
		for _, e := range one.Log.Events() {
			assert.NotEqual(t, chaos.Rejected, e.Kind, "%s of %s", e.TempID, one.Account.Name)
		}
	}
	assert.Zero(t, w.total(t, "gochat_router_poisoned_total"), "records that were given up")
}

// crying returns how many sends of Cry have no outcome yet, and how many of these are not accepted either.
func crying(criers []*chaos.Talker) (pending, unaccepted int) {
	for _, one := range criers {
		p, u := one.Crying()
		pending, unaccepted = pending+p, unaccepted+u
	}
	return pending, unaccepted
}

// while calls do while all processes of a role are paused.
func (w *town) while(t *testing.T, role string, do func()) {
	t.Helper()
	w.signal(t, role, syscall.SIGSTOP)
	defer w.signal(t, role, syscall.SIGCONT)
	do()
}

// crowdHears checks that a small message to the large group is pushed to a member who connects now.
func (w *town) crowdHears(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), worked)
	defer cancel()
	ear, err := chaos.Listen(ctx, w.absent[0])
	require.NoError(t, err)
	defer ear.Close()
	id := fmt.Sprintf("after-%d", time.Now().UnixMilli())
	said := func() error {
		return w.absent[1].Call(ctx, http.MethodPost, "/api/messages", map[string]string{
			"conversationId": w.crowd.ConversationID, "content": "hello", "messageType": "text", "tempMessageId": id,
		}, nil)
	}
	var late *client.Error
	for err = said(); errors.As(err, &late) && late.Status == http.StatusServiceUnavailable; err = said() {
		t.Log("said once more, as it was not stored in time:", late)
	}
	require.NoError(t, err)
	require.NoError(t, ear.Hear(ctx, id), "the large group is held up")
}

// signal sends a signal to all processes of a role.
func (w *town) signal(t *testing.T, role string, sig syscall.Signal) {
	t.Helper()
	for _, p := range w.Processes {
		if p.Role == role {
			require.NoError(t, p.Signal(sig))
		}
	}
}

// total returns the sum of a metric over all processes.
func (w *town) total(t *testing.T, metric string) (sum float64) {
	t.Helper()
	web := &http.Client{Timeout: 5 * time.Second}
	defer web.CloseIdleConnections()
	for _, p := range w.Processes {
		resp, err := web.Get("http://" + p.Operations() + "/metrics") //nolint:noctx // the client has a time-out
		require.NoError(t, err, p.Name)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err, p.Name)
		_ = resp.Body.Close()
		for line := range strings.SplitSeq(string(text), "\n") {
			if !strings.HasPrefix(line, metric) {
				continue
			}
			n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			require.NoError(t, err, line)
			sum += n
		}
	}
	return sum
}
