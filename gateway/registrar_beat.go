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
func (r *registrar) join(ctx context.Context) error {
	const pause = 200 * time.Millisecond
	for {
		err := r.beat(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, errSessionsUnknown) {
			r.log.Warn("the gateway starts although its sessions cannot be registered; the beats try again", zap.Error(err))
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("register gateway %s: %w", r.id, err)
		case <-time.After(pause):
		}
	}
}

// beat says that the gateway lives, and puts all its sessions when the registry may lack some.
func (r *registrar) beat(ctx context.Context) error {
	if err := r.say(ctx); err != nil {
		return err
	}
	if !r.stale {
		return nil
	}
	at, losses := r.at, r.losses
	if err := r.putAll(ctx); err != nil {
		return err
	}
	// The registry may have lost everything again since: then the next beat puts it once more.
	r.putAt, r.stale = at, r.losses != losses
	return r.say(ctx)
}

// say makes one beat. It may be made again whether it was heard or not.
func (r *registrar) say(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RPCTimeout)
	defer cancel()
	r.beaten, r.ready = time.Now(), !r.stale && !r.changes.admitted()
	resp, err := r.sessions.Beat(ctx, &pb.BeatRequest{GatewayId: r.id, Ready: r.ready, PutAt: &r.putAt})
	if err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	if resp.GetAway() {
		return errSessionsUnknown
	}
	r.at = resp.GetAt()
	if resp.GetFresh() {
		r.stale = true
		if r.at == "" { // of an older version, which says so once
			r.losses++
		}
	}
	return nil
}

// unheard tells the log of a beat that had no answer.
func (r *registrar) unheard(err error) {
	if err != nil {
		r.log.Warn("the session registry does not answer", zap.Error(err))
	}
}
