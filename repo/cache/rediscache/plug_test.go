package rediscache_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/kv"
)

// pulled is a Redis whose plug can be pulled: no command reaches it, or none is
// answered.
type pulled struct {
	away, hangs atomic.Bool
	asked       atomic.Int64 // without pings
	pings       atomic.Int64
}

func (p *pulled) stop(ctx context.Context, what string) error {
	if what == "ping" {
		p.pings.Add(1)
	} else {
		p.asked.Add(1)
	}
	switch {
	case p.away.Load():
		return &net.OpError{Op: "dial", Err: net.ErrClosed}
	case p.hangs.Load():
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (p *pulled) DialHook(next redis.DialHook) redis.DialHook { return next }

func (p *pulled) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := p.stop(ctx, cmd.Name()); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (p *pulled) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if err := p.stop(ctx, "pipeline"); err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// openRedis opens a single server; whoever pulls its plug puts it back for the cleaning up.
func openRedis(t *testing.T) (*kv.Client, *pulled) {
	t.Helper()
	c := single.open(t)
	plug := &pulled{}
	t.Cleanup(func() {
		plug.away.Store(false)
		plug.hangs.Store(false)
	})
	c.AddHook(plug)
	return c, plug
}
