package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// errSessionsUnknown: the repo role took the beat, but its cache is away, so that no session is registered. Until the
// cache is back, this gateway gets a copy of everything.
var errSessionsUnknown = errors.New("the cache of the session registry does not answer, so that it knows nobody's sockets")

// join beats until the registry answers or ctx is done. An answer without the cache is enough: a gateway can start
// while the cache is away.
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
	// When the registry has lost its sessions again meanwhile, the next beat puts all of them once more.
	r.putAt, r.stale = at, r.losses != losses
	return r.say(ctx)
}

// say sends one beat. A beat may be repeated, whether or not the registry has got it.
func (r *registrar) say(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RPCTimeout)
	defer cancel()
	r.beaten, r.ready = time.Now(), !r.stale && !r.changes.admitted()
	resp, err := r.sessions.Beat(ctx, &pb.BeatRequest{GatewayId: r.id, Ready: r.ready, PutAt: &r.putAt, Announces: true})
	if err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	if resp.GetAway() {
		return errSessionsUnknown
	}
	if resp.GetAt() != r.at || !slices.Equal(resp.GetDeadGateways(), r.dead) {
		// The registry may have lost who watches whom, or a gateway has died, or one that was taken for dead is back.
		r.upset()
	}
	r.at, r.dead = resp.GetAt(), resp.GetDeadGateways()
	if resp.GetFresh() {
		r.stale = true
		if r.at == "" { // a registry of an older release reports a loss once
			r.losses++
		}
	}
	return nil
}

// unheard logs the error of a beat, if there is one.
func (r *registrar) unheard(err error) {
	if err != nil {
		r.log.Warn("the session registry does not answer", zap.Error(err))
	}
}
