package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	// presenceQueue is how many comings and goings may wait for the registry.
	presenceQueue = 1024
	// presenceBatch is how many sessions one call puts.
	presenceBatch = 512
	// maxUnremoved bounds the sessions whose removal failed and is tried again. One that
	// falls out is a needless copy for this gateway until it expires.
	maxUnremoved = 4096
)

// presence keeps the session registry in step with the hub. One goroutine makes all
// calls; a registry that is away is told everything again when it is back.
type presence struct {
	id       string
	cfg      Config
	sessions pb.SessionRepoClient
	hub      *hub
	log      *zap.Logger

	in   chan presenceChange
	quit chan struct{}
	done chan struct{}

	// of the goroutine:
	// stale: the registry may lack sessions of ours. While it does, beats say so, and
	// everything for anybody comes to this gateway as well.
	stale     bool
	unremoved []*pb.Session
}

type presenceChange struct {
	session *pb.Session
	known   chan<- struct{} // of a put; nil is a removal
}

func newPresence(id string, cfg Config, sessions pb.SessionRepoClient, h *hub, log *zap.Logger) *presence {
	return &presence{
		id: id, cfg: cfg, sessions: sessions, hub: h, log: log,
		in: make(chan presenceChange, presenceQueue), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// put returns when the registry knows the session, or will be told it with the next
// beat, or ctx is done.
func (p *presence) put(ctx context.Context, s *pb.Session) {
	known := make(chan struct{})
	select {
	case p.in <- presenceChange{session: s, known: known}:
	case <-ctx.Done():
		return
	case <-p.done:
		return
	}
	select {
	case <-known:
	case <-ctx.Done():
	case <-p.done:
	}
}

// remove queues a removal.
func (p *presence) remove(s *pb.Session) {
	select {
	case p.in <- presenceChange{session: s}:
	case <-p.done: // Leave takes all of them at once
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
	resp, err := p.sessions.Beat(ctx, &pb.BeatRequest{GatewayId: p.id, Ready: !p.stale})
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
	ctx := context.Background()
	for {
		select {
		case c := <-p.in:
			p.apply(ctx, c)
		case <-beat.C:
			if err := p.beat(ctx); err != nil {
				p.log.Warn("the session registry does not answer", zap.Error(err))
			}
			p.retryRemovals(ctx)
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

// apply takes a change, and with a put every other put that waits.
func (p *presence) apply(ctx context.Context, c presenceChange) {
	var puts, removals []presenceChange
	for more := true; more; {
		if c.known == nil {
			removals = append(removals, c)
		} else {
			puts = append(puts, c)
		}
		if more = len(puts) < presenceBatch && len(removals) < presenceBatch; !more {
			break
		}
		select {
		case c = <-p.in:
		default:
			more = false
		}
	}
	if len(puts) > 0 {
		sessions := make([]*pb.Session, len(puts))
		for i, put := range puts {
			sessions[i] = put.session
		}
		if err := p.putSome(ctx, sessions); err != nil {
			p.stale = true
			p.log.Warn("sessions were not put; the next beat tries again", zap.Error(err))
		}
		for _, put := range puts {
			close(put.known)
		}
	}
	// A session of both lists is put before it is removed.
	for _, r := range removals {
		p.removeOne(ctx, r.session)
	}
}

func (p *presence) putSome(ctx context.Context, sessions []*pb.Session) error {
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
	if len(batch) == 0 {
		return nil
	}
	return p.putSome(ctx, batch)
}

func (p *presence) removeOne(ctx context.Context, s *pb.Session) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RPCTimeout)
	defer cancel()
	if _, err := p.sessions.RemoveSession(ctx, &pb.RemoveSessionRequest{Session: s}); err != nil {
		if len(p.unremoved) < maxUnremoved {
			p.unremoved = append(p.unremoved, s)
		}
	}
}

func (p *presence) retryRemovals(ctx context.Context) {
	again := p.unremoved
	p.unremoved = nil
	for i, s := range again {
		p.removeOne(ctx, s)
		if len(p.unremoved) > 0 { // still away: the rest waits as well
			p.unremoved = append(p.unremoved, again[i+1:]...)
			return
		}
	}
}

func (p *presence) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.RPCTimeout)
	defer cancel()
	if _, err := p.sessions.Leave(ctx, &pb.LeaveRequest{GatewayId: p.id}); err != nil {
		p.log.Warn("the session registry was not told that this gateway stops; it forgets it by itself", zap.Error(err))
	}
}
