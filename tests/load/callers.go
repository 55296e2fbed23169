package load

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// callers are n goroutines that call the HTTP API, each one call after the other.
type callers struct {
	n int
	// call makes the k-th call of a caller.
	call      func(ctx context.Context, caller, k int) error
	measuring atomic.Bool
	made      atomic.Int64
}

// note records the time since begin, unless the warm-up or the end of the run is going on.
func (c *callers) note(h *histogram, begin time.Time) {
	if c.measuring.Load() {
		h.record(time.Since(begin))
	}
}

// measure runs the callers for the warm-up and the measured time, and puts the cost of a call into the report. each is
// the name of a call there; the histograms in fresh are reset after the warm-up.
func (c *callers) measure(ctx context.Context, t *test, r *Report, each string, fresh ...*histogram) error {
	group, gctx := errgroup.WithContext(ctx)
	calling, enough := context.WithCancel(gctx)
	defer enough()
	for caller := range c.n {
		group.Go(func() error { return c.loop(calling, caller) })
	}
	group.Go(func() error {
		defer enough()
		return c.period(gctx, t, r, each, fresh)
	})
	return group.Wait()
}

func (c *callers) loop(ctx context.Context, caller int) error {
	for k := 0; ctx.Err() == nil; k++ {
		if err := c.call(ctx, caller, k); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the end of the run cancelled the call
			}
			return err
		}
		c.made.Add(1)
	}
	return nil
}

// period waits for the warm-up, then measures for the duration and fills in the report.
func (c *callers) period(ctx context.Context, t *test, r *Report, each string, fresh []*histogram) error {
	if err := t.warmUp(ctx); err != nil {
		return err
	}
	before, err := t.costs.read(ctx)
	if err != nil {
		return err
	}
	for _, h := range fresh {
		h.reset()
	}
	c.measuring.Store(true)
	start, first := time.Now(), c.made.Load()
	if r.Timeline, err = t.told.watch(ctx, watched{d: t.cfg.Duration}, []counter{{each + "s", c.made.Load}}); err != nil {
		return err
	}
	c.measuring.Store(false)
	made := c.made.Load() - first
	r.Seconds, r.ContentBytes = time.Since(start).Seconds(), t.cfg.Content
	after, err := t.costs.read(ctx)
	if err != nil {
		return err
	}
	t.costs.put(r, before, after, each, made)
	return nil
}
