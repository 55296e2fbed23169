// Package lifecycle starts parts in order and stops them in the reverse one.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Stack owns the parts of a process. Parts are pushed as they start; Stop ends them last to first, so that a
// part ends before the parts that it uses. It is used by one goroutine, except for Failed.
type Stack struct {
	parts  []part
	failed chan error
	ctx    context.Context
	cancel context.CancelFunc
}

type part struct {
	name string
	stop func(context.Context) error
}

// New returns an empty stack. Background parts run under a context that has ctx's values, but ends only when
// they are stopped.
func New(ctx context.Context) *Stack {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	return &Stack{failed: make(chan error, 1), ctx: inner, cancel: cancel}
}

// Push adds a part that has started; stop ends it.
func (s *Stack) Push(name string, stop func(context.Context) error) {
	s.parts = append(s.parts, part{name, stop})
}

// Go runs a part in the background until it is stopped. run must return soon after its context is done. If it
// returns earlier, even without an error, Failed delivers that, and the process has to end.
func (s *Stack) Go(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("ended by itself")
			}
			s.fail(fmt.Errorf("%s: %w", name, err))
		}
		done <- err
	}()
	s.Push(name, func(stopCtx context.Context) error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-stopCtx.Done():
			return fmt.Errorf("did not stop: %w", stopCtx.Err())
		}
	})
}

func (s *Stack) fail(err error) {
	select {
	case s.failed <- err:
	default: // the first failure is the one that counts
	}
}

// Failed delivers the error of a background part that ended before its time.
func (s *Stack) Failed() <-chan error { return s.failed }

// Stop ends all parts, last to first, within timeout altogether, and returns
// what went wrong. Every part is told to stop even when another one failed.
func (s *Stack) Stop(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	defer s.cancel()
	var errs []error
	for i := len(s.parts) - 1; i >= 0; i-- {
		if err := s.parts[i].stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.parts[i].name, err))
		}
	}
	s.parts = nil
	return errors.Join(errs...)
}
