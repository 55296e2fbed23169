package kafka

import (
	"context"
	"time"

	"github.com/gochat/gochat/infra/mq"
)

// within runs a call of a library that takes no context, and returns without it when d or ctx is over. Such a
// call ends in the background, where Close waits for it, so what call writes may be read only if within
// returned nil or an error of call itself.
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

// background counts a call in; false: the transport is closed, and Close may wait for the calls already.
func (t *Transport) background() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.calls.Add(1)
	return true
}
