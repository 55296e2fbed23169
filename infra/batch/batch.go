// Package batch lets callers share what is expensive for each of them alone, such as a commit that waits for
// a disk: while one group of calls is worked on, calls that come meanwhile gather for the next group. No call
// waits for others to come: the first one after a quiet time is worked on at once, and alone.
package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Errors of callers.
var (
	// ErrClosed says that a call was not worked on, because the batcher ends.
	ErrClosed = errors.New("no more calls are taken")
	// ErrUnknown says that a call was handed over and Wait ended before its answer: it may be done, or not.
	ErrUnknown = errors.New("whether it was done is not known")
)

// Config says how calls are put together. All of it is needed.
type Config[T any] struct {
	// Waiting is how many calls may wait for their group; Submit waits while there are so many.
	Waiting int
	// Count and Bytes bound a group; only a group of a single call may have more.
	Count, Bytes int
	// Size returns the count and the bytes of a call. A call is never split.
	Size func(T) (count, bytes int)
	// AtOnce is how many groups may be worked on at the same time.
	AtOnce int
	// Work gets each group and must answer each of its calls, before it returns or later in another
	// goroutine. The calls are in the order in which they came, and Work may keep the slice.
	Work func(group []*Call[T])
}

// Batcher puts calls together. Safe for concurrent use.
type Batcher[T any] struct {
	cfg  Config[T]
	in   chan *Call[T]
	stop sync.Once
	quit chan struct{}
	done chan struct{}
	// unanswered counts the calls of groups that have no answer yet.
	unanswered sync.WaitGroup
}

// Call is one call that waits for its answer.
type Call[T any] struct {
	// Value is what the caller handed over. Work may write to it until the call is answered, and the caller
	// may read it from then on.
	Value T
	ctx   context.Context //nolint:containedctx // of the caller, who waits
	of    *Batcher[T]
	err   error
	done  chan struct{}
}

// New starts a batcher; Stop ends it.
func New[T any](cfg Config[T]) *Batcher[T] {
	b := &Batcher[T]{cfg: cfg, in: make(chan *Call[T], cfg.Waiting), quit: make(chan struct{}), done: make(chan struct{})}
	go b.run()
	return b
}

// Submit hands a call over, and Wait returns its answer. When Submit fails, by ErrClosed or the error of ctx,
// nothing was handed over. A call whose ctx ends before its group begins is answered with the error of ctx
// and not worked on.
func (b *Batcher[T]) Submit(ctx context.Context, v T) (*Call[T], error) {
	if b.Stopping() {
		return nil, ErrClosed
	}
	c := &Call[T]{Value: v, ctx: ctx, of: b, done: make(chan struct{})}
	select {
	case b.in <- c:
		return c, nil
	case <-b.quit:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Stop makes Submit fail from now on. Calls that were handed over before are still worked on, until Done.
func (b *Batcher[T]) Stop() { b.stop.Do(func() { close(b.quit) }) }

// Stopping reports whether Stop was called.
func (b *Batcher[T]) Stopping() bool {
	select {
	case <-b.quit:
		return true
	default:
		return false
	}
}

// Done is closed after Stop, when every call has its answer.
func (b *Batcher[T]) Done() <-chan struct{} { return b.done }

// Wait returns the answer. When ctx ends first, the error wraps ErrUnknown and the error of ctx; when the
// batcher ended before the call was in a group, it is ErrClosed.
func (c *Call[T]) Wait(ctx context.Context) error {
	select {
	case <-c.done:
		return c.err
	case <-c.of.done:
		select {
		case <-c.done: // the answer came before the end
			return c.err
		default:
			return ErrClosed
		}
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// Context returns the ctx of Submit.
func (c *Call[T]) Context() context.Context { return c.ctx }

// Answer ends the call; nil: it was done. It must be called once.
func (c *Call[T]) Answer(err error) {
	c.err = err
	close(c.done)
	c.of.unanswered.Done()
}

// run makes the groups. It waits for a place in AtOnce before it gathers a group, so that all calls that came
// meanwhile are in the group.
func (b *Batcher[T]) run() {
	defer close(b.done)
	defer b.unanswered.Wait()
	var working sync.WaitGroup
	defer working.Wait()
	begin := working.Go
	if b.cfg.AtOnce == 1 {
		begin = func(work func()) { work() }
	}
	places := make(chan struct{}, b.cfg.AtOnce)
	for next := b.first(); next != nil; {
		places <- struct{}{}
		var group []*Call[T]
		group, next = b.gather(next)
		begin(func() {
			if len(group) > 0 {
				b.cfg.Work(group)
			}
			<-places
		})
		if next == nil {
			next = b.first()
		}
	}
}

// first waits for a call; nil: there will be none.
func (b *Batcher[T]) first() *Call[T] {
	select {
	case c := <-b.in:
		return c
	case <-b.quit:
		select {
		case c := <-b.in: // it was handed over before the end
			return c
		default:
			return nil
		}
	}
}

// gather takes the waiting calls, up to the bounds; a call that would exceed them is next, the first of the
// next group. Calls whose ctx has ended are answered and left out: nothing was done for them yet.
func (b *Batcher[T]) gather(first *Call[T]) (group []*Call[T], next *Call[T]) {
	count, bytes := 0, 0
	for c := first; ; {
		n, size := b.cfg.Size(c.Value)
		if len(group) > 0 && (count+n > b.cfg.Count || bytes+size > b.cfg.Bytes) {
			return group, c
		}
		b.unanswered.Add(1)
		if err := c.ctx.Err(); err != nil {
			c.Answer(err)
		} else {
			group, count, bytes = append(group, c), count+n, bytes+size
		}
		select {
		case c = <-b.in:
		default:
			return group, nil
		}
	}
}
