// Package hint sends sync-hints instead of messages, so that clients pull, while the session registry does not
// know who is connected where and there are too many gateways to push each message to all of them.
package hint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/deliver"
)

const (
	// pause is between two rounds: all messages of a conversation within it are one hint.
	pause = time.Second
	// most bounds the users who wait for hints, over all conversations. A client that gets no hint pulls when
	// it has been idle for a minute. The round that is being published may hold as many users again.
	most = 1 << 18
	// gatewaysAtOnce bounds one call of the outbox.
	gatewaysAtOnce = 16
	publishTimeout = 5 * time.Second
)

// ErrTooMany says that hints were dropped because too many waited.
var ErrTooMany = errors.New("too many users wait for hints; they pull by themselves a minute later")

// Hinter gathers hints and hands them to gateways once a second. Safe for concurrent use.
type Hinter struct {
	out    handlers.Outbox
	report func(error)

	// rest is the batch that the last round did not publish as a whole; only Run uses it.
	rest *batch

	mu       sync.Mutex
	waiting  map[string]*waiting // by conversation
	gateways map[string]struct{}
	users    int
	dropped  bool
	kick     chan struct{}
}

// waiting is the hint of one conversation.
type waiting struct {
	seq   uint64
	users map[int64]struct{}
	last  []int64 // the users that were added last: the next message is often for the same ones
}

// batch is the hints of one round, with the gateways that have not got them yet.
type batch struct {
	hints    map[string]*waiting
	gateways []string
}

// New returns a hinter, which publishes only while Run runs. report gets every failure, and ErrTooMany.
func New(out handlers.Outbox, report func(error)) *Hinter {
	return &Hinter{
		out: out, report: report, waiting: map[string]*waiting{}, gateways: map[string]struct{}{}, kick: make(chan struct{}, 1),
	}
}

// Hint tells those of the users who are connected through one of the gateways, within a second or two, that
// they have messages of the conversation up to seq to pull. Hint does not block, and keeps no reference to
// users.
func (h *Hinter) Hint(conversation string, seq uint64, users []int64, gateways []string) {
	if len(users) == 0 || len(gateways) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.waiting[conversation]
	if w == nil && h.users >= most {
		h.dropped = true
		return
	}
	if w == nil {
		w = &waiting{users: map[int64]struct{}{}}
		h.waiting[conversation] = w
	}
	w.seq = max(w.seq, seq)
	for _, g := range gateways {
		h.gateways[g] = struct{}{}
	}
	if !slices.Equal(w.last, users) {
		w.last = slices.Clone(users)
		for _, u := range users {
			if h.users >= most {
				h.dropped = true
				break
			}
			if _, there := w.users[u]; !there {
				w.users[u] = struct{}{}
				h.users++
			}
		}
	}
	h.wake()
}

// Run publishes what waits, in rounds, until ctx is done; what waits then is published in a last round.
func (h *Hinter) Run(ctx context.Context) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-h.kick:
		case <-ctx.Done():
			h.flush(ctx)
			return nil
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		h.flush(ctx)
	}
}

// flush publishes what an earlier round has left, then what waits. A gateway that has got its hints does not
// get them again because publishing to another gateway failed: while the queue is slow, each round goes on
// where the one before ended.
func (h *Hinter) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	for {
		if h.rest == nil {
			h.rest = h.take()
		}
		if h.rest == nil {
			return
		}
		if err := h.publish(ctx, h.rest); err != nil {
			h.report(err)
			h.wake()
			return
		}
		h.rest = nil
	}
}

// take takes out all hints that wait, as a batch; nil when none do.
func (h *Hinter) take() *batch {
	h.mu.Lock()
	hints, gateways, dropped := h.waiting, h.gateways, h.dropped
	h.waiting, h.gateways, h.users, h.dropped = map[string]*waiting{}, map[string]struct{}{}, 0, false
	h.mu.Unlock()
	if dropped {
		h.report(ErrTooMany)
	}
	if len(hints) == 0 {
		return nil
	}
	return &batch{hints: hints, gateways: slices.Sorted(maps.Keys(gateways))}
}

// wake makes Run begin another round after pause.
func (h *Hinter) wake() {
	select {
	case h.kick <- struct{}{}:
	default: // Run is awake already
	}
}

// publish sends a batch to its gateways, some at a time, and takes out of the batch those that have it.
func (h *Hinter) publish(ctx context.Context, b *batch) error {
	list := deliveries(b.hints)
	for len(b.gateways) > 0 {
		some := b.gateways[:min(gatewaysAtOnce, len(b.gateways))]
		w := deliver.NewWriter(h.out)
		var err error
		for _, gw := range some {
			for _, d := range list {
				err = errors.Join(err, w.Push(ctx, gw, d))
			}
		}
		if err = errors.Join(err, w.Flush(ctx)); err != nil {
			return fmt.Errorf("hint at news in %d conversations to %d gateways: %w", len(b.hints), len(b.gateways), err)
		}
		b.gateways = b.gateways[len(some):]
	}
	return nil
}

func deliveries(batch map[string]*waiting) []*pb.Delivery {
	out := make([]*pb.Delivery, 0, len(batch))
	for conv, w := range batch {
		if len(w.users) == 0 {
			continue
		}
		d := contracts.NewDelivery(pb.Delivery_CLASS_PUSH, contracts.FrameSyncHint, contracts.SyncHintData{ConversationID: conv, LastSeq: w.seq})
		d.ConversationId, d.SeqId, d.UserIds = conv, w.seq, make([]int64, 0, len(w.users))
		for u := range w.users {
			d.UserIds = append(d.UserIds, u)
		}
		out = append(out, d)
	}
	return out
}
