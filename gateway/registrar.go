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

// presenceBatch is how many sessions one call puts or removes.
const presenceBatch = 512

// presence keeps the session registry in step with the hub. One goroutine makes all
// calls; a registry that is away is told everything again when it is back.
type presence struct {
	id       string
	cfg      Config
	sessions pb.SessionRepoClient
	hub      *hub
	log      *zap.Logger

	changes *presenceChanges
	quit    chan struct{}
	done    chan struct{}

	// of the goroutine:
	// stale: the registry may lack sessions of ours. While it does, beats say so, and
	// everything for anybody comes to this gateway as well.
	stale bool
	// at is what the registry said last that holds sessions, putAt what it said before it was
	// told all of ours.
	at, putAt string
	// losses counts those that a registry of an older version told of.
	losses int
	// beaten is when the last beat was, and ready what it said.
	beaten time.Time
	ready  bool
	// failing: the last change was not taken; the log was told.
	failing bool
	again   *time.Timer // runs while changes that failed wait
}

func newPresence(id string, cfg Config, sessions pb.SessionRepoClient, h *hub, log *zap.Logger) *presence {
	again := time.NewTimer(presencePause)
	again.Stop()
	return &presence{
		id: id, cfg: cfg, sessions: sessions, hub: h, log: log, again: again,
		changes: newPresenceChanges(), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// put returns when the registry knows the session, or has failed to take it for now, or ctx
// is done. The session is put again until the registry knows it or the socket is gone, and
// until then everything for anybody comes to this gateway.
func (p *presence) put(ctx context.Context, s *pb.Session) {
	tried := p.changes.put(s)
	select {
	case <-tried:
	case <-ctx.Done():
		p.changes.admit(s)
		p.changes.wake()
	case <-p.done:
	}
}

// remove queues a removal and never waits.
func (p *presence) remove(s *pb.Session) {
	if !p.changes.remove(s) {
		p.log.Warn("too many removals wait for the session registry: a session that is gone stays in it until it expires")
	}
}

// run works until quit, then takes the gateway out of the registry.
func (p *presence) run() {
	defer close(p.done)
	beat := time.NewTicker(p.cfg.BeatInterval)
	defer beat.Stop()
	refresh := time.NewTicker(p.cfg.SessionRefresh)
	defer refresh.Stop()
	defer p.again.Stop()
	ctx := context.Background()
	for {
		select {
		case <-p.changes.kick:
			p.apply(ctx)
		case <-p.again.C:
			p.apply(ctx)
		case <-beat.C:
			p.unheard(p.beat(ctx))
		case <-refresh.C:
			if err := p.putAll(ctx); err != nil {
				p.stale = true
				p.log.Warn("sessions were not refreshed; the next beat tries again", zap.Error(err))
			}
		case <-p.quit:
			p.leave()
			return
		}
	}
}

// presencePause is how long after a failure changes are tried again.
const presencePause = 200 * time.Millisecond

// apply makes one call for puts that wait and one for removals, so that beats have their
// turn in between. What failed is tried again after a pause.
func (p *presence) apply(ctx context.Context) {
	err := p.applyPuts(ctx)
	if err == nil {
		removals := p.changes.takeRemovals(presenceBatch)
		if err = p.removeSome(ctx, removals); err != nil {
			p.changes.keepRemovals(removals)
		}
	}
	p.goOn(err)
}

func (p *presence) applyPuts(ctx context.Context) error {
	puts := p.changes.takePuts(presenceBatch)
	err := p.putSome(ctx, puts)
	if err == nil {
		p.changes.done(puts)
	} else {
		p.changes.admit(puts...)
	}
	if p.ready && p.changes.admitted() {
		// The registry is told before sockets are served that it does not know.
		p.unheard(p.say(ctx))
	}
	p.changes.releaseAll(puts)
	return err
}

// goOn sees to the changes that still wait after some were made, or failed.
func (p *presence) goOn(err error) {
	if err != nil && !p.failing {
		p.log.Warn("the session registry did not take changes; it is asked until it does", zap.Error(err))
	}
	p.failing = err != nil
	switch {
	case err != nil:
		p.again.Reset(presencePause)
	case p.changes.waiting():
		p.changes.wake()
	}
}

func (p *presence) putSome(ctx context.Context, sessions []*pb.Session) error {
	if len(sessions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RPCTimeout)
	defer cancel()
	if _, err := p.sessions.PutSessions(ctx, &pb.PutSessionsRequest{Sessions: sessions}); err != nil {
		return fmt.Errorf("put %d sessions: %w", len(sessions), err)
	}
	return nil
}

// putAll puts the sessions of all sockets. It takes long where there are many, so that new
// sockets and beats have their turn in between. Removals wait until the end: a socket that
// has gone meanwhile may be put here, and must not be left there.
func (p *presence) putAll(ctx context.Context) error {
	for some := range slices.Chunk(p.hub.all(), presenceBatch) {
		batch := make([]*pb.Session, len(some))
		for i, c := range some {
			batch[i] = c.session()
		}
		if err := p.putSome(ctx, batch); err != nil {
			return err
		}
		select {
		case <-p.changes.kick:
			p.goOn(p.applyPuts(ctx))
		default:
		}
		if time.Since(p.beaten) >= p.cfg.BeatInterval {
			p.unheard(p.say(ctx))
		}
	}
	return nil
}

func (p *presence) removeSome(ctx context.Context, sessions []*pb.Session) error {
	if len(sessions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RPCTimeout)
	defer cancel()
	_, err := p.sessions.RemoveSessions(ctx, &pb.RemoveSessionsRequest{Sessions: sessions})
	if status.Code(err) == codes.Unimplemented {
		err = p.removeEach(ctx, sessions) // a storage role of an older version
	}
	if err != nil {
		return fmt.Errorf("remove %d sessions: %w", len(sessions), err)
	}
	return nil
}

func (p *presence) removeEach(ctx context.Context, sessions []*pb.Session) error {
	for _, s := range sessions {
		if _, err := p.sessions.RemoveSession(ctx, &pb.RemoveSessionRequest{Session: s}); err != nil {
			return err
		}
	}
	return nil
}

func (p *presence) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.RPCTimeout)
	defer cancel()
	if _, err := p.sessions.Leave(ctx, &pb.LeaveRequest{GatewayId: p.id}); err != nil {
		p.log.Warn("the session registry was not told that this gateway stops; it forgets it by itself", zap.Error(err))
	}
}
