package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

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

// beat says that the gateway lives, and puts all its sessions when the registry may lack some.
func (p *presence) beat(ctx context.Context) error {
	if err := p.say(ctx); err != nil {
		return err
	}
	if !p.stale {
		return nil
	}
	at, losses := p.at, p.losses
	if err := p.putAll(ctx); err != nil {
		return err
	}
	// The registry may have lost everything again since: then the next beat puts it once more.
	p.putAt, p.stale = at, p.losses != losses
	return p.say(ctx)
}

// say makes one beat. It may be made again whether it was heard or not.
func (p *presence) say(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.RPCTimeout)
	defer cancel()
	p.beaten, p.ready = time.Now(), !p.stale && !p.changes.admitted()
	resp, err := p.sessions.Beat(ctx, &pb.BeatRequest{GatewayId: p.id, Ready: p.ready, PutAt: &p.putAt})
	if err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	if resp.GetAway() {
		return errSessionsUnknown
	}
	p.at = resp.GetAt()
	if resp.GetFresh() {
		p.stale = true
		if p.at == "" { // of an older version, which says so once
			p.losses++
		}
	}
	return nil
}

// unheard tells the log of a beat that had no answer.
func (p *presence) unheard(err error) {
	if err != nil {
		p.log.Warn("the session registry does not answer", zap.Error(err))
	}
}
