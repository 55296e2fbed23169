package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// sessionBatch is how many sessions one call puts or removes.
const sessionBatch = 512

// registrar keeps the session registry in step with the hub. One goroutine makes all calls; after the registry was
// away, all sessions are put again.
type registrar struct {
	id       string
	cfg      Config
	sessions pb.SessionRepoClient
	hub      *hub
	log      *zap.Logger
	// announce and upset are set before run. announce tells watchers of users whose sessions were put, or removed: then left has when, Unix milliseconds.
	announce func(watched []*pb.Watched, left map[int64]int64)
	// upset is called when users may have come or gone without an announcement.
	upset func()

	changes *sessionChanges
	quit    chan struct{}
	done    chan struct{}

	// of the goroutine:
	// stale: the registry may lack sessions of ours. Until they are put again, beats say that this gateway is not ready,
	// and it gets a copy of everything that may be for its users.
	stale bool
	// at is the state that the registry last named (BeatResponse.at); putAt is the state that it had named before all
	// our sessions were last put.
	at, putAt string
	// losses counts the losses that a registry of an older release has reported; such a registry names no state.
	losses int
	// beaten is when the last beat was sent; ready is whether it said that all our sessions are in the registry.
	beaten time.Time
	ready  bool
	// dead are the gateways that the registry last named as dead, by when it named them first. mute: there are gateways
	// that announce nothing.
	dead map[string]time.Time
	mute bool
	// failing: the last change was not taken, and this is in the log already.
	failing bool
	again   *time.Timer // runs while changes that failed wait
}

func newRegistrar(id string, cfg Config, sessions pb.SessionRepoClient, h *hub, log *zap.Logger) *registrar {
	again := time.NewTimer(registrarPause)
	again.Stop()
	return &registrar{
		id: id, cfg: cfg, sessions: sessions, hub: h, log: log, again: again,
		announce: func([]*pb.Watched, map[int64]int64) {}, upset: func() {},
		changes: newSessionChanges(), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// put returns when the registry has the session, or has failed to take it for now, or ctx is done. The session is put
// again until the registry has it or the socket is gone; until then this gateway is not ready, and gets a copy of
// everything.
func (r *registrar) put(ctx context.Context, s *pb.Session) {
	tried := r.changes.put(s)
	select {
	case <-tried:
	case <-ctx.Done():
		r.changes.admit(s)
		r.changes.wake()
	case <-r.done:
	}
}

// remove queues a removal and never waits.
func (r *registrar) remove(s *pb.Session) {
	if first := r.changes.remove(s); first {
		r.log.Warn("too many removals wait for the session registry: sessions that are gone stay in it until they expire")
	}
}

// run works until quit, then takes the gateway out of the registry.
func (r *registrar) run() {
	defer close(r.done)
	beat := time.NewTicker(r.cfg.BeatInterval)
	defer beat.Stop()
	refresh := time.NewTicker(r.cfg.SessionRefresh)
	defer refresh.Stop()
	defer r.again.Stop()
	ctx := context.Background()
	for {
		select {
		case <-r.changes.kick:
			r.apply(ctx)
		case <-r.again.C:
			r.apply(ctx)
		case <-beat.C:
			r.unheard(r.beat(ctx))
		case <-refresh.C:
			if err := r.putAll(ctx); err != nil {
				r.stale = true
				r.log.Warn("sessions were not refreshed; the next beat tries again", zap.Error(err))
			}
		case <-r.quit:
			if r.removeRest() {
				r.leave()
			}
			return
		}
	}
}

// registrarPause is how long after a failure changes are tried again.
const registrarPause = 200 * time.Millisecond

// apply makes one call for puts that wait and one for removals, so that beats have their
// turn in between. What failed is tried again after a pause.
func (r *registrar) apply(ctx context.Context) {
	err := r.applyPuts(ctx)
	if err == nil {
		removals := r.changes.takeRemovals(sessionBatch)
		if err = r.removeSome(ctx, removals); err != nil {
			r.changes.keepRemovals(removals)
		}
	}
	r.goOn(err)
}

func (r *registrar) applyPuts(ctx context.Context) error {
	puts := r.changes.takePuts(sessionBatch)
	err := r.putSome(ctx, puts, true)
	if err == nil {
		r.changes.done(puts)
	} else {
		r.changes.admit(puts...)
	}
	if r.ready && r.changes.admitted() {
		// The registry must hear that this gateway is not ready before sockets are served whose sessions it lacks.
		r.unheard(r.say(ctx))
	}
	r.changes.releaseAll(puts)
	return err
}

// goOn arranges the next round of changes: after a pause when the last round failed with err, at once when more wait.
func (r *registrar) goOn(err error) {
	if err != nil && !r.failing {
		r.log.Warn("the session registry refused changes; they are tried again", zap.Error(err))
	}
	r.failing = err != nil
	switch {
	case err != nil:
		r.again.Reset(registrarPause)
	case r.changes.waiting():
		r.changes.wake()
	}
}

func (r *registrar) putSome(ctx context.Context, sessions []*pb.Session, areNew bool) error {
	if len(sessions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RPCTimeout)
	defer cancel()
	resp, err := r.sessions.PutSessions(ctx, &pb.PutSessionsRequest{Sessions: sessions, WantWatchers: areNew})
	if err != nil {
		return fmt.Errorf("put %d sessions: %w", len(sessions), err)
	}
	r.announce(resp.GetWatched(), nil)
	return nil
}

// putAll puts the sessions of all sockets. With many sockets this takes long, so that new sockets and beats have their
// turn in between. Removals wait until the end: a socket that closes meanwhile may still be put here, and its removal
// must come after that.
func (r *registrar) putAll(ctx context.Context) error {
	for some := range slices.Chunk(r.hub.all(), sessionBatch) {
		batch := make([]*pb.Session, len(some))
		for i, c := range some {
			batch[i] = c.session()
		}
		// Whoever has asked while the registry took this gateway for dead or unknown has to hear of its users.
		if err := r.putSome(ctx, batch, r.stale); err != nil {
			return err
		}
		select {
		case <-r.changes.kick:
			r.goOn(r.applyPuts(ctx))
		default:
		}
		if time.Since(r.beaten) >= r.cfg.BeatInterval {
			r.unheard(r.say(ctx))
		}
	}
	return nil
}

func (r *registrar) removeSome(ctx context.Context, list []removal) error {
	if len(list) == 0 {
		return nil
	}
	sessions, left := make([]*pb.Session, len(list)), make(map[int64]int64, len(list))
	for i, one := range list {
		user := one.session.GetUserId()
		sessions[i], left[user] = one.session, max(left[user], one.at)
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RPCTimeout)
	defer cancel()
	resp, err := r.sessions.RemoveSessions(ctx, &pb.RemoveSessionsRequest{Sessions: sessions, WantWatchers: true})
	if status.Code(err) == codes.Unimplemented {
		err = r.removeEach(ctx, sessions) // a repo role of an older release
	}
	if err != nil {
		return fmt.Errorf("remove %d sessions: %w", len(sessions), err)
	}
	r.announce(resp.GetWatched(), left)
	return nil
}

// removeRest makes the removals that wait when the gateway stops, so that watchers hear of users who do not come back.
// False: some sessions are left. Then the gateway must not sign off: once the registry takes it for dead, all watchers
// ask.
func (r *registrar) removeRest() bool {
	ctx, cancel := context.WithTimeout(context.Background(), min(r.cfg.RPCTimeout, r.cfg.DrainTimeout/16))
	defer cancel()
	for {
		list := r.changes.takeRemovals(sessionBatch)
		if len(list) == 0 {
			return r.hub.len() == 0 && !r.changes.dropped()
		}
		if err := r.removeSome(ctx, list); err != nil {
			r.log.Warn("the session registry keeps some sessions of this gateway until it takes the gateway for dead", zap.Error(err))
			return false
		}
	}
}

func (r *registrar) removeEach(ctx context.Context, sessions []*pb.Session) error {
	for _, s := range sessions {
		if _, err := r.sessions.RemoveSession(ctx, &pb.RemoveSessionRequest{Session: s}); err != nil {
			return err
		}
	}
	return nil
}

func (r *registrar) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.RPCTimeout)
	defer cancel()
	if _, err := r.sessions.Leave(ctx, &pb.LeaveRequest{GatewayId: r.id}); err != nil {
		r.log.Warn("this gateway could not be signed off at the session registry; its registration expires by itself", zap.Error(err))
	}
}
