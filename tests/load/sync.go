package load

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gochat/gochat/tests/client"
)

// newsEach is the number of messages that each conversation got while the readers were offline.
const newsEach = 3

// absence has the readers, and the news in many conversations that they missed.
type absence struct {
	callers callers
	readers []*client.Account
	// known are the last numbers that the readers have, by conversation.
	known       map[string]uint64
	call, whole *histogram
}

// news is the answer to a sync.
type news struct {
	More          bool `json:"more"`
	Conversations []struct {
		ConversationID string           `json:"conversationId"`
		Messages       []client.Message `json:"messages"`
	} `json:"conversations"`
}

// syncs measures the syncs of clients that were offline: they name the numbers that they have, and get newer messages.
func syncs(ctx context.Context, t *test) error {
	a := &absence{call: newHistogram(), whole: newHistogram(), known: map[string]uint64{}}
	if err := a.prepare(ctx, t); err != nil {
		return err
	}
	a.callers = callers{n: t.cfg.InFlight, call: a.sync}
	return t.each(ctx, func(ctx context.Context, r *Report) error {
		if err := a.callers.measure(ctx, t, r, "sync", a.call, a.whole); err != nil {
			return err
		}
		r.Sync = &Syncing{Conversations: t.cfg.Sync, Callers: a.callers.n, Call: a.call.latency(), Whole: a.whole.latency()}
		r.Sync.PerSecond = float64(r.Sync.Whole.Count) / r.Seconds
		return nil
	})
}

// prepare makes groups with all readers as members, and lets the owner send newsEach messages to each.
func (a *absence) prepare(ctx context.Context, t *test) error {
	accounts, err := register(ctx, t, "sync", t.cfg.InFlight+1)
	if err != nil {
		return err
	}
	a.readers = accounts[1:]
	if a.known[world], err = newest(ctx, accounts[0], world); err != nil {
		return err
	}
	t.told.say("making %d conversations with %d messages each…", t.cfg.Sync, newsEach)
	type place struct {
		id   string
		last uint64
	}
	places, done := make([]place, t.cfg.Sync), atomic.Int64{}
	making, gctx := errgroup.WithContext(ctx)
	making.SetLimit(registerAtOnce)
	for i := range places {
		making.Go(func() (err error) {
			p := &places[i]
			if p.id, err = found(gctx, accounts); err != nil {
				return err
			}
			p.last, err = speak(gctx, accounts[0], map[string]any{"conversationId": p.id}, t.cfg.Content, i)
			if made := done.Add(1); made%tellEach == 0 {
				t.told.say("  %d of %d conversations", made, t.cfg.Sync)
			}
			return err
		})
	}
	if err := making.Wait(); err != nil {
		return err
	}
	for _, p := range places {
		a.known[p.id] = p.last - newsEach
	}
	return nil
}

// speak sends newsEach messages to the conversation or user in to, and returns the number of the last one.
func speak(ctx context.Context, from *client.Account, to map[string]any, bytes, i int) (last uint64, err error) {
	for n := range newsEach {
		body := map[string]any{"messageType": "text", "content": strings.Repeat("x", bytes), "tempMessageId": "s" + strconv.Itoa(i) + "-" + strconv.Itoa(n)}
		maps.Copy(body, to)
		var stored struct {
			SeqID uint64 `json:"seqId"`
		}
		if err := from.Call(ctx, http.MethodPost, "/api/messages", body, &stored); err != nil {
			return 0, fmt.Errorf("say something while others are offline: %w", err)
		}
		last = stored.SeqID
	}
	return last, nil
}

// sync makes calls for one client until there is no more news, and checks that every message came.
func (a *absence) sync(ctx context.Context, caller, k int) error {
	have, got, begin := maps.Clone(a.known), 0, time.Now()
	reader := a.readers[(caller+k)%len(a.readers)]
	for more := true; more; {
		var n news
		called := time.Now()
		if err := reader.Call(ctx, http.MethodPost, "/api/sync", map[string]any{"conversations": have}, &n); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		a.callers.note(a.call, called)
		for _, c := range n.Conversations {
			if len(c.Messages) == 0 {
				return fmt.Errorf("%w: a sync has no message of %s, which it says has news", ErrWrong, c.ConversationID)
			}
			have[c.ConversationID] = c.Messages[len(c.Messages)-1].SeqID
			if c.ConversationID != world {
				got += len(c.Messages)
			}
		}
		if more = n.More; more && len(n.Conversations) == 0 {
			return fmt.Errorf("%w: a sync says that there is more and has nothing", ErrWrong)
		}
	}
	a.callers.note(a.whole, begin)
	if want := newsEach * (len(a.known) - 1); got != want {
		return fmt.Errorf("%w: a sync brought %d of %d messages", ErrWrong, got, want)
	}
	return nil
}
