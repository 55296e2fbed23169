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

// recheck asks again and again whether the tokens of the open sockets are still good, until
// quit: an order to close sockets may be lost, and heals so.
func (g *Gateway) recheck(quit <-chan struct{}) {
	ticker := time.NewTicker(g.cfg.TokenCheckInterval)
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

// recheckAll asks once for every socket that is open now, spread over half the interval. It
// goes on with who did not get an answer.
func (g *Gateway) recheckAll(quit <-chan struct{}) {
	all := g.hub.all()
	rounds := (len(all) + contracts.TokensBatch - 1) / contracts.TokensBatch
	for run := range slices.Chunk(all, contracts.TokensBatch) {
		for !g.recheckSome(run) {
			if !pause(recheckRetry, quit) {
				return
			}
		}
		if !pause(g.cfg.TokenCheckInterval/2/time.Duration(rounds), quit) {
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

// recheckSome closes those of the sockets whose token is refused. False: there was no answer.
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
		g.log.Warn("it was not answered whether the tokens of sockets are still good", zap.Int("sockets", len(run)), zap.Error(err))
		return contracts.AsError(err).Code != contracts.CodeUnavailable // trying the rest again at once is useless
	}
	for i, c := range run {
		if resp.GetRefused()[i] {
			c.close(contracts.CloseTokenRevoked, contracts.CloseReasonRevoked)
		}
	}
	return true
}
