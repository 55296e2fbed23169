package kafka

import (
	"context"
	"time"

	"github.com/gochat/gochat/infra/mq"
)

// within runs a call of a library that knows no context, and goes on without it when
// d or ctx is over. What call writes may be read only if the error is its own: given
// up, it ends in the background, and Close waits for that.
func (t *Transport) within(ctx context.Context, d time.Duration, call func() error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	if !t.background() {
		return mq.ErrClosed
	}
	done := make(chan error, 1)
	go func() {
		defer t.calls.Done()
		done <- call()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// background counts a call in, unless Close may be waiting for them already.
func (t *Transport) background() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.calls.Add(1)
	return true
}
