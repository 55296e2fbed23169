package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// recheckRetry is the pause after a call that failed.
const recheckRetry = time.Second

// recheck asks, until quit, at least once in each TokenCheckInterval whether the token of each open socket is still
// good: this closes a socket when the order to close it was lost.
func (g *Gateway) recheck(quit <-chan struct{}) {
	// A round is spread over half of the time to the next one, so two checks of one socket are at most one and a half
	// rounds apart, which is the interval.
	ticker := time.NewTicker(g.cfg.TokenCheckInterval * 2 / 3)
	defer ticker.Stop()
	for {
		select {
		case <-quit:
			return
		case <-ticker.C:
			g.recheckAll(quit)
		}
	}
}

// recheckAll asks once about every socket that is open now, spread over a third of TokenCheckInterval. While the service is
// unavailable, a call is made again until it is answered.
func (g *Gateway) recheckAll(quit <-chan struct{}) {
	all := g.hub.all()
	rounds := (len(all) + contracts.TokensBatch - 1) / contracts.TokensBatch
	for run := range slices.Chunk(all, contracts.TokensBatch) {
		for !g.recheckSome(run) {
			if !pause(recheckRetry, quit) {
				return
			}
		}
		if !pause(g.cfg.TokenCheckInterval/3/time.Duration(rounds), quit) {
			return
		}
	}
}

// pause reports whether the time passed before quit.
func pause(d time.Duration, quit <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-quit:
		return false
	}
}

// recheckSome closes those of the sockets whose token is refused. False: the service is unavailable, ask again.
func (g *Gateway) recheckSome(run []*conn) bool {
	in := &pb.RecheckRequest{Tokens: make([]*pb.UsedToken, len(run))}
	for i, c := range run {
		in.Tokens[i] = &pb.UsedToken{TokenId: c.tokenID, UserId: c.user, DeviceId: c.device, IssuedAt: c.issued, ExpiresAt: c.expires}
	}
	ctx, cancel := g.rpc(context.Background())
	defer cancel()
	resp, err := g.deps.Auth.Recheck(ctx, in)
	if err == nil && len(resp.GetRefused()) != len(run) {
		err = fmt.Errorf("the answer is about %d tokens", len(resp.GetRefused()))
	}
	if err != nil {
		g.log.Warn("could not check the tokens of open sockets", zap.Int("sockets", len(run)), zap.Error(err))
		return contracts.AsError(err).Code != contracts.CodeUnavailable // after any other error, the next round asks
	}
	for i, c := range run {
		if resp.GetRefused()[i] {
			c.close(contracts.CloseTokenRevoked, contracts.CloseReasonRevoked)
		}
	}
	return true
}
