// Package hint tells sockets that messages were not pushed to them, so that they pull: while
// it is not known who is connected where, and there are too many gateways to push each
// message to all of them.
package hint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/deliver"
)

const (
	// pause is between two rounds: whatever is said in a conversation meanwhile is one hint.
	pause = time.Second
	// most bounds the users who wait for hints, over all conversations. Who does not get one
	// pulls when idle for a minute.
	most = 1 << 18
	// gatewaysAtOnce bounds one call of the outbox.
	gatewaysAtOnce = 16
	publishTimeout = 5 * time.Second
)

// ErrTooMany says that hints were dropped because too many waited.
var ErrTooMany = errors.New("too many users wait for hints; they pull by themselves a minute later")

// Hinter gathers hints and hands them to gateways once a second. Safe for concurrent use.
type Hinter struct {
	out    deliver.Outbox
	report func(error)

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
	last  []int64 // the list that was added last, which is often the next one, too
}

// New returns a hinter, which works while Run does. report is told of failures.
func New(out deliver.Outbox, report func(error)) *Hinter {
	return &Hinter{
		out: out, report: report, waiting: map[string]*waiting{}, gateways: map[string]struct{}{}, kick: make(chan struct{}, 1),
	}
}

// Hint lets those of the users who are connected through one of the gateways know, soon,
// that the conversation's messages up to seq are to be pulled. It does not keep users.
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
	select {
	case h.kick <- struct{}{}:
	default: // it is awake
	}
}

// Run hands hints over until ctx is done, and what waits then.
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

// flush hands over what waits. What was not handed over waits again.
func (h *Hinter) flush(ctx context.Context) {
	h.mu.Lock()
	batch, gateways, dropped := h.waiting, h.gateways, h.dropped
	h.waiting, h.gateways, h.users, h.dropped = map[string]*waiting{}, map[string]struct{}{}, 0, false
	h.mu.Unlock()
	if dropped {
		h.report(ErrTooMany)
	}
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	list := make([]string, 0, len(gateways))
	for g := range gateways {
		list = append(list, g)
	}
	slices.Sort(list)
	if err := h.publish(ctx, batch, list); err != nil {
		h.report(err)
		for conv, w := range batch {
			users := make([]int64, 0, len(w.users))
			for u := range w.users {
				users = append(users, u)
			}
			h.Hint(conv, w.seq, users, list)
		}
	}
}

func (h *Hinter) publish(ctx context.Context, batch map[string]*waiting, gateways []string) error {
	list := deliveries(batch)
	for some := range slices.Chunk(gateways, gatewaysAtOnce) {
		w := deliver.NewWriter(h.out)
		var err error
		for _, gw := range some {
			for _, d := range list {
				err = errors.Join(err, w.Push(ctx, gw, d))
			}
		}
		if err = errors.Join(err, w.Flush(ctx)); err != nil {
			return fmt.Errorf("hint at news in %d conversations to %d gateways: %w", len(batch), len(gateways), err)
		}
	}
	return nil
}

func deliveries(batch map[string]*waiting) []*pb.Delivery {
	out := make([]*pb.Delivery, 0, len(batch))
	for conv, w := range batch {
		if len(w.users) == 0 {
			continue
		}
		d := &pb.Delivery{
			Frame:          contracts.EncodeFrame(contracts.FrameSyncHint, contracts.SyncHintData{ConversationID: conv, LastSeq: w.seq}),
			ConversationId: conv, SeqId: w.seq, UserIds: make([]int64, 0, len(w.users)),
		}
		for u := range w.users {
			d.UserIds = append(d.UserIds, u)
		}
		out = append(out, d)
	}
	return out
}
