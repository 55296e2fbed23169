package gateway

import (
	"context"
	"errors"
	"fmt"
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
	if r.upsetting(resp) {
		r.upset()
	}
	r.at = resp.GetAt()
	if resp.GetFresh() {
		r.stale = true
		if r.at == "" { // a registry of an older release reports a loss once
			r.losses++
		}
	}
	return nil
}

// deadSettled is after how long a dead gateway that is not named any more is taken for forgotten, and not for back: the
// registry names it for two minutes.
const deadSettled = 90 * time.Second

// upsetting reports whether users may have come or gone without an announcement: the registry may have lost who watches
// whom, a gateway has died, one that was taken for dead is back, or there are gateways that announce nothing.
func (r *registrar) upsetting(resp *pb.BeatResponse) bool {
	now, yes := time.Now(), r.at != "" && resp.GetAt() != r.at || resp.GetMute() != r.mute
	r.mute = resp.GetMute()
	dead := make(map[string]time.Time, len(resp.GetDeadGateways()))
	for _, id := range resp.GetDeadGateways() {
		since, known := r.dead[id]
		if !known {
			since, yes = now, true
		}
		dead[id] = since
	}
	for id, since := range r.dead {
		if _, still := dead[id]; !still && now.Sub(since) < deadSettled {
			yes = true
		}
	}
	r.dead = dead
	return yes
}

// unheard logs the error of a beat, if there is one.
func (r *registrar) unheard(err error) {
	if err != nil {
		r.log.Warn("the session registry does not answer", zap.Error(err))
	}
}
