package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
)

// ErrServed is returned by a second Serve: a gateway's id is for one life only, so that a new Gateway is needed.
var ErrServed = errors.New("this gateway has served already")

// ErrDeaf is returned by Serve when the gateway's own topic is gone, which happens to a gateway that others have taken
// for dead for long. A new Gateway has to be made, which has another id.
var ErrDeaf = errors.New("this gateway's topic is gone, so that nothing reaches it any more")

// parts are what runs beside the sockets and the HTTP server.
type parts struct {
	downstream message.Subscriber
	quit       chan struct{} // ends the heartbeat and the check of tokens
	deaf       chan struct{} // closed when no delivery can come any more
	running    sync.WaitGroup
}

// Serve serves ln until ctx is done, then drains for at most the configured time and returns nil. It returns ErrServed,
// ErrDeaf, or an error of the start or of ln; ln is closed in any case. Before the first connection is accepted, the
// gateway's own topic is there and read, and the session registry knows the gateway.
func (g *Gateway) Serve(ctx context.Context, ln net.Listener) error {
	g.opsServed.Store(g.cfg.ServesOps(ln.Addr()))
	if g.cfg.ForwardedBy == byProxyProtocol {
		ln = proxied(ln, g.proxies, g.cfg.ReadTimeout)
	}
	ln = newLingerListener(ln, g.cfg.ReadTimeout)
	if !g.served.CompareAndSwap(false, true) {
		return errors.Join(ErrServed, ln.Close())
	}
	p, err := g.start(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	listening := make(chan error, 1)
	go func() { listening <- g.app.Listener(ln) }()
	close(g.serving)
	g.log.Info("the gateway serves", zap.Stringer("address", ln.Addr()))
	select {
	case <-ctx.Done():
		g.drain(ln, p)
		err = <-listening
	case err = <-listening:
		g.drain(ln, p)
	case <-p.deaf:
		g.drain(ln, p)
		if err := <-listening; err != nil && !errors.Is(err, net.ErrClosed) {
			return errors.Join(ErrDeaf, err)
		}
		return ErrDeaf
	}
	g.log.Info("the gateway has stopped")
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// start brings up everything but the listener.
func (g *Gateway) start(ctx context.Context) (*parts, error) {
	ctx, cancel := context.WithTimeout(ctx, g.cfg.StartTimeout)
	defer cancel()
	sub, records, err := g.subscribe(ctx)
	if err != nil {
		return nil, err
	}
	p := &parts{downstream: sub, quit: make(chan struct{}), deaf: make(chan struct{})}
	p.running.Go(func() {
		defer close(p.deaf)
		g.consume(records)
	})
	if err := g.registrar.join(ctx); err != nil {
		err = errors.Join(err, sub.Close())
		p.running.Wait()
		return nil, err
	}
	p.running.Go(g.registrar.run)
	p.running.Go(g.upstream.run)
	p.running.Go(g.devices.run)
	p.running.Go(g.receipts.run)
	p.running.Go(g.watch.run)
	p.running.Go(g.announcer.run)
	p.running.Go(func() { g.heartbeat(p.quit) })
	p.running.Go(func() { g.recheck(p.quit) })
	p.running.Go(func() { g.replaceHere(p.quit) })
	return p, nil
}

// drain ends the service without losing anything: sends that were read are
// acknowledged, deliveries go out, and every client is told when to come back.
func (g *Gateway) drain(ln net.Listener, p *parts) {
	g.draining.Store(true)
	g.hub.close()
	_ = ln.Close() // it may be closed already

	// The rest of the time is for the registry and the queue.
	ctx, cancel := context.WithTimeout(context.Background(), g.cfg.DrainTimeout*7/8)
	defer cancel()
	var web sync.WaitGroup
	web.Go(func() {
		if err := g.app.ShutdownWithContext(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
			g.log.Warn("some HTTP requests were cut off", zap.Error(err))
		}
	})
	g.drainSockets(ctx)
	web.Wait()
	close(g.upstream.quit)
	close(g.devices.quit)
	close(g.receipts.quit)
	close(g.watch.quit)
	close(p.quit)
	g.stopDownstream(p)
}

// drainSockets stops reading, waits for the acks of what was read, and closes every
// socket, spread over time.
func (g *Gateway) drainSockets(ctx context.Context) {
	for _, c := range g.hub.all() {
		c.stopReading()
	}
	half, cancel := context.WithTimeout(ctx, g.cfg.DrainTimeout/2)
	defer cancel()
	if !waitFor(half, &g.readers) {
		g.log.Warn("some sends are not acknowledged; their clients send them again")
	}
	open := g.hub.all()
	retry := newRetrySpread(max(g.cfg.RetrySpread, time.Duration(len(open))*time.Millisecond))
	// A turn closes so many that all are closed within a quarter of the drain.
	const turn = 5 * time.Millisecond
	perTurn := 1 + len(open)*int(turn)/int(g.cfg.DrainTimeout/4)
	ticker := time.NewTicker(turn)
	defer ticker.Stop()
	for i, c := range open {
		if i%perTurn == perTurn-1 {
			select {
			case <-ticker.C:
			case <-ctx.Done(): // no time left: all at once
			}
		}
		c.close(contracts.CloseServerRestart, contracts.CloseReasonWithRetry(contracts.CloseReasonRestarted, retry.next()))
	}
	if waitFor(ctx, &g.conns) {
		return
	}
	g.log.Warn("sockets did not finish the close handshake and are cut off", zap.Int("sockets", g.hub.len()))
	close(g.forced)
	for _, c := range g.hub.all() {
		_ = c.tcp.Close() // that is all that is left to do
	}
}

// stopDownstream ends what runs beside the sockets and takes the gateway's topic away.
func (g *Gateway) stopDownstream(p *parts) {
	ctx, cancel := context.WithTimeout(context.Background(), g.cfg.DrainTimeout/8)
	defer cancel()
	close(g.registrar.quit)
	pause(g.cfg.DrainTimeout/16, g.registrar.done) // its last removals are announced
	close(g.announcer.quit)
	if err := p.downstream.Close(); err != nil {
		g.log.Warn("the downstream subscriber did not close", zap.Error(err))
	}
	if !waitFor(ctx, &p.running) {
		g.log.Warn("the message queue or the session registry delays the stop")
	}
	if err := g.deps.Transport.Delete(ctx, contracts.TopicDownstream(g.id)); err != nil {
		g.log.Warn("the gateway's own topic was not deleted", zap.Error(err))
	}
}

// waitFor waits for wg until ctx is done. The waiting itself goes on until wg is done.
func waitFor(ctx context.Context, wg *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}
