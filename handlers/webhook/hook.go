package webhook

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	// pollEvery is between two questions for news that nobody has woken us for: that of
	// other processes, and what waits after a failure.
	pollEvery = time.Second
	// leaseSpare is what a lease has beyond what an attempt may take.
	leaseSpare = 20 * time.Second
	// drainTimeout is what attempts get to end in when the process stops.
	drainTimeout = 3 * time.Second
	// noteEvery is between two notes in the database of how a receiver does.
	noteEvery = 5 * time.Second
)

// hook posts to one receiver. One goroutine, run, owns everything but down and wake;
// attempts have goroutines of their own and report to it.
type hook struct {
	name   string
	cfg    Config
	deps   Deps
	poster *Poster
	gate   *gate
	// lease is for how long a conversation is taken; spare of it is left for what
	// processes' clocks differ by.
	lease, spare time.Duration

	wake    chan struct{}
	results chan result
	// busy attempts are under way; settled ones wait to be written. Together they are
	// at most as many as may be in flight, since nothing is taken before they are.
	busy    int
	settled []*pb.NewsSettled
	hurry   bool

	down atomic.Pointer[error]
	// note is what the database is to be told of the receiver; noted is when it last
	// was told of a success, and of a failure.
	note  *pb.HookNote
	noted [2]time.Time
}

func newHook(name string, cfg Config, deps Deps) *hook {
	return &hook{
		name: name, cfg: cfg, deps: deps, poster: NewPoster(cfg, name), gate: newGate(cfg),
		lease: callTimeout + cfg.Timeout + leaseSpare, spare: leaseSpare / 2,
		wake: make(chan struct{}, 1), results: make(chan result, cfg.InFlight),
	}
}

func (h *hook) wakeUp() {
	select {
	case h.wake <- struct{}{}:
	default: // it is to look already
	}
}

// run posts until ctx is done.
func (h *hook) run(ctx context.Context) {
	defer h.poster.Close()
	// Calls and attempts that are under way come to their end: whoever asks and does not
	// hear the answer has taken what nobody else gets for a while.
	going, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// What waits for less than a poll does not wait for that.
	ticker := time.NewTicker(min(pollEvery, max(h.cfg.Backoff/2, 10*time.Millisecond)))
	defer ticker.Stop()
	for ctx.Err() == nil {
		h.turn(going)
		select {
		case r := <-h.results:
			h.finish(r)
			h.collect()
		case <-h.wake:
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	h.drain(cancel)
}

// collect takes in what else has ended, so that it is settled together.
func (h *hook) collect() {
	for {
		select {
		case r := <-h.results:
			h.finish(r)
		default:
			return
		}
	}
}

// turn settles what has ended and takes as much as there are hands for.
func (h *hook) turn(ctx context.Context) {
	if h.hurry {
		err := bounded(ctx, func(ctx context.Context) error {
			_, err := h.deps.Cursors.HurryHook(ctx, &pb.HurryHookRequest{Hook: h.name})
			return err
		})
		if err != nil {
			h.deps.Observer.Failed(h.name, "hurry what waits", err)
			return
		}
		h.hurry = false
	}
	taken, deadline, err := h.exchange(ctx, h.gate.limit(time.Now(), h.cfg.InFlight-h.busy, h.busy))
	if err != nil {
		h.deps.Observer.Failed(h.name, "take news", err)
		return
	}
	for _, t := range taken {
		h.busy++
		go func() { h.results <- h.attempt(ctx, t, deadline) }() // results holds all of them
	}
}

// exchange hands in what is settled and takes up to limit conversations, which are
// ours until the deadline.
func (h *hook) exchange(ctx context.Context, limit int) (taken []*pb.NewsTaken, deadline time.Time, err error) {
	if limit <= 0 && len(h.settled) == 0 && h.note == nil {
		return nil, deadline, nil
	}
	deadline = time.Now().Add(h.lease - h.spare)
	var out *pb.TakeNewsResponse
	err = bounded(ctx, func(ctx context.Context) (err error) {
		out, err = h.deps.Cursors.TakeNews(ctx, &pb.TakeNewsRequest{
			Hook: h.name, Settled: h.settled, Limit: int32(max(limit, 0)), LeaseMs: h.lease.Milliseconds(), Note: h.note,
		})
		return err
	})
	if err != nil {
		return nil, deadline, err
	}
	h.settled, h.note = nil, nil
	return out.GetTaken(), deadline, nil
}

// finish judges an attempt that has ended.
func (h *hook) finish(r result) {
	h.busy--
	s := &pb.NewsSettled{ConversationId: r.taken.GetConversationId(), Claim: r.taken.GetClaim(), SeqId: r.seq, Tries: r.taken.GetTries()}
	h.settled = append(h.settled, s)
	switch {
	case r.err == nil:
		s.Tries = 0
		h.remember("")
		if h.gate.succeeded() {
			h.hurry = true // those who failed while it was down need not wait for long
			h.down.Store(nil)
			h.deps.Observer.State(h.name, false, nil)
		}
	case r.ours:
		s.RetryInMs = pollEvery.Milliseconds()
		if !errors.Is(r.err, context.Canceled) {
			h.deps.Observer.Failed(h.name, "post", r.err)
		}
	default:
		s.Tries++
		s.RetryInMs = max(backoff(h.cfg.Backoff, h.cfg.BackoffMax, int(s.GetTries())), min(r.retryAfter, h.cfg.BackoffMax)).Milliseconds()
		h.remember(clip(r.err.Error()))
		if h.gate.failed(s.GetConversationId(), r.began, r.receiver, r.retryAfter) {
			h.deps.Observer.State(h.name, true, r.err)
		}
		if h.gate.closed() {
			h.down.Store(&r.err)
		}
	}
}

// remember has the database told how the receiver does, now and then.
func (h *hook) remember(failure string) {
	kind := 0
	if failure != "" {
		kind = 1
	}
	if time.Since(h.noted[kind]) >= noteEvery {
		h.note, h.noted[kind] = &pb.HookNote{Error: failure}, time.Now()
	}
}

// clip bounds a text for the database.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && text[cut]&0xc0 == 0x80 {
		cut--
	}
	return text[:cut] + "…"
}

// drain lets what is under way end, for a moment, and gives everything back.
func (h *hook) drain(cancel context.CancelFunc) {
	timer := time.NewTimer(drainTimeout)
	defer timer.Stop()
	for h.busy > 0 {
		select {
		case r := <-h.results:
			h.finish(r)
		case <-timer.C:
			cancel() // they end at once, and count as ours
		}
	}
	// Without the answer the leases run out, and the same is posted again.
	if _, _, err := h.exchange(context.Background(), 0); err != nil {
		h.deps.Observer.Failed(h.name, "give back what is under way", err)
	}
}
