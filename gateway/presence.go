package gateway

import (
	"context"
	"errors"
	"fmt"
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
	// missing: the last put failed and is made again soon. Beats say so, too.
	missing bool
	// failing: the last change was not taken; the log was told.
	failing bool
}

func newPresence(id string, cfg Config, sessions pb.SessionRepoClient, h *hub, log *zap.Logger) *presence {
	return &presence{
		id: id, cfg: cfg, sessions: sessions, hub: h, log: log,
		changes: newPresenceChanges(), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// put returns when the registry knows the session, or has failed to take it for now, or ctx
// is done. The session is put again until the registry knows it or the socket is gone.
func (p *presence) put(ctx context.Context, s *pb.Session) {
	tried := p.changes.put(s)
	select {
	case <-tried:
	case <-ctx.Done():
	case <-p.done:
	}
}

// remove queues a removal and never waits.
func (p *presence) remove(s *pb.Session) {
	if !p.changes.remove(s) {
		p.log.Warn("too many removals wait for the session registry: a session that is gone stays in it until it expires")
	}
}

// errSessionsUnknown: the registry heard the beat and has nothing to keep sessions in.
// Everything for anybody comes to this gateway until that is back.
var errSessionsUnknown = errors.New("the cache of the session registry does not answer, so that it knows nobody's sockets")

// join tells the registry that the gateway lives, until it answers or ctx is done. A
// registry that is without its cache has heard it all the same: a gateway that starts
// meanwhile serves.
func (p *presence) join(ctx context.Context) error {
	const pause = 200 * time.Millisecond
	for {
		err := p.beat(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, errSessionsUnknown) {
			p.log.Warn("the gateway starts although its sessions cannot be registered; the beats try again", zap.Error(err))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("register gateway %s: %w", p.id, err)
		case <-time.After(pause):
		}
	}
}

func (p *presence) beat(ctx context.Context) error {
	fresh, err := p.beatOnce(ctx)
	if err != nil {
		return err
	}
	p.stale = p.stale || fresh
	if !p.stale {
		return nil
	}
	if err := p.putAll(ctx); err != nil {
		return err
	}
	p.stale = false
	// The registry may have lost everything again since: then the next beat puts
	// it once more.
	p.stale, err = p.beatOnce(ctx)
	return err
}

func (p *presence) beatOnce(ctx context.Context) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RPCTimeout)
	defer cancel()
	resp, err := p.sessions.Beat(ctx, &pb.BeatRequest{GatewayId: p.id, Ready: !p.stale && !p.missing})
	if err != nil {
		return false, fmt.Errorf("beat: %w", err)
	}
	if resp.GetAway() {
		return false, errSessionsUnknown
	}
	return resp.GetFresh(), nil
}

// run works until quit, then takes the gateway out of the registry.
func (p *presence) run() {
	defer close(p.done)
	beat := time.NewTicker(p.cfg.BeatInterval)
	defer beat.Stop()
	refresh := time.NewTicker(p.cfg.SessionRefresh)
	defer refresh.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	<-again.C
	ctx := context.Background()
	for {
		select {
		case <-p.changes.kick:
			p.apply(ctx, again)
		case <-again.C:
			p.apply(ctx, again)
		case <-beat.C:
			if err := p.beat(ctx); err != nil {
				p.log.Warn("the session registry does not answer", zap.Error(err))
			}
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
func (p *presence) apply(ctx context.Context, again *time.Timer) {
	puts := p.changes.takePuts(presenceBatch)
	err := p.putSome(ctx, puts)
	p.missing = err != nil
	p.changes.tried(puts, err == nil)
	if err == nil {
		removals := p.changes.takeRemovals(presenceBatch)
		if err = p.removeSome(ctx, removals); err != nil {
			p.changes.keepRemovals(removals)
		}
	}
	if err != nil && !p.failing {
		p.log.Warn("the session registry did not take changes; it is asked until it does", zap.Error(err))
	}
	p.failing = err != nil
	switch {
	case err != nil:
		again.Reset(presencePause)
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

func (p *presence) putAll(ctx context.Context) error {
	var batch []*pb.Session
	for _, c := range p.hub.all() {
		if batch = append(batch, c.session()); len(batch) == presenceBatch {
			if err := p.putSome(ctx, batch); err != nil {
				return err
			}
			batch = nil
		}
	}
	return p.putSome(ctx, batch)
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
