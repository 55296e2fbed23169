package webhook

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	// pollEvery is the pause between two questions for news that did not wake the hook: news noted by other
	// processes, and conversations whose pause after a failure is over.
	pollEvery = time.Second
	// leaseSpare is how much longer a lease is than an attempt may take.
	leaseSpare = 20 * time.Second
	// drainTimeout is how long attempts in flight may go on when the process stops.
	drainTimeout = 3 * time.Second
	// noteEvery is the shortest time between two notes in the database of a receiver's success, or of its
	// failure.
	noteEvery = 5 * time.Second
)

// hook posts to one receiver. The goroutine of run owns every field but down and wake; each attempt has a
// goroutine of its own and reports to run by results.
type hook struct {
	name   string
	cfg    Config
	deps   Deps
	poster *Poster
	gate   *gate
	// lease is how long a taken conversation belongs to this process. Attempts end spare before it, since the
	// clocks of processes differ.
	lease, spare time.Duration

	wake    chan struct{}
	results chan result
	// busy counts the attempts in flight; settled has the results that are still to be written. Together they
	// are never more than cfg.InFlight: the call that takes conversations also writes what is settled. hurry
	// says that conversations which wait after a failure are to be made due.
	busy    int
	settled []*pb.NewsSettled
	hurry   bool

	down atomic.Pointer[error]
	// note is what the next exchange tells the database of the receiver; noted has the times of the last note
	// of a success, and of a failure.
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
	default: // run is told already
	}
}

// run posts until ctx is done.
func (h *hook) run(ctx context.Context) {
	defer h.poster.Close()
	// The end of ctx cuts off no call or attempt in flight: when the answer to a TakeNews is lost, nobody gets
	// its conversations until their leases end.
	going, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// A backoff that is shorter than pollEvery must not be lengthened by the ticker.
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

// collect finishes all attempts that have ended by now, so that one call settles them together.
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

// turn settles the attempts that have ended, takes as many conversations as may be in flight, and begins their
// attempts.
func (h *hook) turn(ctx context.Context) {
	if h.hurry {
		err := bounded(ctx, func(ctx context.Context) error {
			_, err := h.deps.Cursors.HurryHook(ctx, &pb.HurryHookRequest{Hook: h.name})
			return err
		})
		if err != nil {
			h.deps.Observer.Failed(h.name, "make waiting conversations due", err)
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

// exchange hands in what is settled and takes up to limit conversations, which belong to this process until the
// deadline.
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

// finish turns the result of an attempt into what is settled, and tells the gate of it.
func (h *hook) finish(r result) {
	h.busy--
	s := &pb.NewsSettled{ConversationId: r.taken.GetConversationId(), Claim: r.taken.GetClaim(), SeqId: r.seq, Tries: r.taken.GetTries()}
	h.settled = append(h.settled, s)
	switch {
	case r.err == nil:
		s.Tries = 0
		h.remember("")
		if h.gate.succeeded() {
			h.hurry = true // conversations that failed while the receiver was down need not wait any longer
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

// remember has the database told of a success (failure is empty) or of a failure, each at most once in
// noteEvery.
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

// drain lets attempts in flight end, for drainTimeout, cancels the rest, and settles all of them.
func (h *hook) drain(cancel context.CancelFunc) {
	timer := time.NewTimer(drainTimeout)
	defer timer.Stop()
	for h.busy > 0 {
		select {
		case r := <-h.results:
			h.finish(r)
		case <-timer.C:
			cancel() // the rest ends at once, as no failure of the receiver
		}
	}
	// When this call fails, the leases have to run out, and the same messages are posted again.
	if _, _, err := h.exchange(context.Background(), 0); err != nil {
		h.deps.Observer.Failed(h.name, "settle the attempts in flight", err)
	}
}
