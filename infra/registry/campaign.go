package registry

import (
	"context"
	"errors"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/pause"
)

// ErrLeadershipLost is the cause (context.Cause) of the end of a leader's context
// when another process may become the leader.
var ErrLeadershipLost = errors.New("the leadership may be lost")

// Campaign runs lead in one process at a time. It waits until this process leads, then calls lead with a
// context that ends when the leadership may be lost, before another process can lead; after lead has returned
// because of that, Campaign waits again. It returns nil when ctx or the registry ends, and what lead returns
// when lead ends by itself. lead must return soon after its context has ended.
//
// An etcd that has lost its data does not know who leads. So a leader for whom etcd remembers no predecessor
// waits until a leader from before the loss must have given up; the very first leader of an installation
// therefore starts 10 s late.
func (r *Registry) Campaign(ctx context.Context, name string, lead func(context.Context) error) error {
	ctx, cancel := r.within(ctx)
	defer cancel()
	log := r.log.With(zap.String("election", name))
	for ctx.Err() == nil {
		h, err := r.hold(ctx, r.prefix+"/leaders/"+name)
		if err != nil {
			break // ctx or the registry has ended
		}
		ended, err := r.reign(ctx, h, name, lead)
		h.release()
		if ended {
			return err
		}
		if ctx.Err() == nil {
			log.Warn("this process leads no more", zap.Error(err))
			r.pause(ctx, r.retry, nil)
		}
	}
	return nil
}

// reign leads as long as h is ours. ended: lead has ended by itself.
func (r *Registry) reign(ctx context.Context, h *held, name string, lead func(context.Context) error) (ended bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-h.lost:
			cancel(ErrLeadershipLost)
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(nil); <-watched }()
	if err := r.succeed(ctx, h, r.prefix+"/terms/"+name); err != nil {
		return false, err
	}
	r.log.Info("this process leads", zap.String("election", name))
	err = lead(ctx)
	return ctx.Err() == nil, err
}

// succeed returns nil when no leader from before a loss of etcd's data can lead any more.
func (r *Registry) succeed(ctx context.Context, h *held, memory string) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := r.client.Get(call, memory, clientv3.WithCountOnly())
	if err != nil {
		return fmt.Errorf("read %s from etcd: %w", memory, err)
	}
	if resp.Count > 0 {
		return nil
	}
	if !pause.For(ctx.Done(), r.ttl) {
		return context.Cause(ctx)
	}
	call, cancel = context.WithTimeout(ctx, callTimeout)
	defer cancel()
	put, err := r.client.Txn(call).
		If(clientv3.Compare(clientv3.CreateRevision(h.key), "=", h.revision)).
		Then(clientv3.OpPut(memory, "")).
		Commit()
	if err != nil {
		return fmt.Errorf("write %s to etcd: %w", memory, err)
	}
	if !put.Succeeded {
		return ErrLeadershipLost
	}
	return nil
}
