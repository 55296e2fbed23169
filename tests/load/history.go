package load

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gochat/gochat/tests/client"
)

const (
	// pageSize is the number of messages of a page: the default of limits.history_default.
	pageSize = 50
	// fillers is the number of members who fill the conversation; with so many none reaches the limit of sends.
	fillers = 32
	// step is the distance between pages that are read one after the other: neighbours do not follow each other.
	step = 7919
	// joined is above the numbers of the messages about the making of the group, which not every member may read.
	joined = 10
)

// library is a long conversation, and the callers that read its pages.
type library struct {
	callers     callers
	readers     []*client.Account
	id          string
	last        uint64
	head, depth *histogram
}

// history measures pages of a long conversation: the newest page, which a client reads when it opens the conversation,
// and pages of its older half, which a client reads when its user scrolls back.
func history(ctx context.Context, t *test) error {
	l := &library{head: newHistogram(), depth: newHistogram()}
	if err := l.fill(ctx, t); err != nil {
		return err
	}
	l.callers = callers{n: t.cfg.InFlight, call: l.page}
	return t.each(ctx, func(ctx context.Context, r *Report) error {
		if err := l.callers.measure(ctx, t, r, "page", l.head, l.depth); err != nil {
			return err
		}
		r.History = &Pages{Messages: int(l.last), Callers: l.callers.n, Head: l.head.latency(), Depth: l.depth.latency()}
		r.History.PerSecond = float64(r.History.Head.Count+r.History.Depth.Count) / r.Seconds
		return nil
	})
}

// fill makes a group and lets its members send until it has enough messages.
func (l *library) fill(ctx context.Context, t *test) error {
	cfg := t.cfg
	cfg.InFlight = fillers
	r := newRun(cfg)
	r.most = int64(cfg.History)
	h, gctx, err := assemble(ctx, t, r, 1, fillers)
	if err != nil {
		return err
	}
	if err = r.end(l.filled(gctx, t, r), h.loops, h.close); err != nil {
		return fmt.Errorf("fill the conversation: %w", err)
	}
	n, err := h.rooms[0].check(ctx)
	if err != nil {
		return err
	}
	for _, m := range h.rooms[0].members {
		l.readers = append(l.readers, m.account)
	}
	l.id, l.last = h.rooms[0].conversation, uint64(n)
	return nil
}

// filled waits until there are enough messages.
func (l *library) filled(ctx context.Context, t *test, r *run) error {
	ticker := time.NewTicker(shortest)
	defer ticker.Stop()
	told, moved, stored := time.Now(), time.Now(), int64(0)
	for r.stored.Load() < r.most {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-ticker.C:
			if n := r.stored.Load(); n > stored {
				moved, stored = now, n
			}
			if now.Sub(moved) > dialTimeout {
				return fmt.Errorf("no message was stored for %s, after %d of %d", dialTimeout, stored, r.most)
			}
			if now.Sub(told) >= tellEvery {
				told = now
				t.told.say("filling the conversation: %d of %d messages…", stored, r.most)
			}
		}
	}
	return nil
}

// page reads the newest page when k is even and a deep one when k is odd, by each of the readers in turn.
func (l *library) page(ctx context.Context, caller, k int) error {
	to, last, bound := l.head, l.last, ""
	if k%2 == 1 {
		oldest, newest := uint64(pageSize+joined), l.last/2
		last = oldest + uint64(k+caller)*step%(newest-oldest)
		to, bound = l.depth, fmt.Sprintf("&beforeSeq=%d", last+1)
	}
	var page struct {
		Messages []client.Message `json:"messages"`
	}
	begin := time.Now()
	reader := l.readers[(caller+k*l.callers.n)%len(l.readers)]
	path := fmt.Sprintf("/api/conversations/%s/messages?limit=%d%s", l.id, pageSize, bound)
	if err := reader.Call(ctx, http.MethodGet, path, nil, &page); err != nil {
		return fmt.Errorf("read a page: %w", err)
	}
	l.callers.note(to, begin)
	if len(page.Messages) != pageSize {
		return fmt.Errorf("%w: the page up to message %d has %d messages, not %d", ErrWrong, last, len(page.Messages), pageSize)
	}
	for i, m := range page.Messages {
		if want := last - pageSize + 1 + uint64(i); m.SeqID != want {
			return fmt.Errorf("%w: the page up to message %d has message %d where %d belongs", ErrWrong, last, m.SeqID, want)
		}
	}
	return nil
}
