package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/gochat/gochat/infra/mq"
)

// One entry gathers at most this much, so that a group commit stays short.
const (
	groupBytes   = 1 << 20
	groupRecords = 4096
	// waitingBytes bounds what publishers have handed over and is not durable
	// yet; beyond it they wait.
	waitingBytes = 4 * mq.MaxCallBytes
	waitingCalls = 4096
	// mendEvery is how often a full disk is looked at for room.
	mendEvery = time.Second
)

// committer turns calls into entries: while one entry is on its way to the disk,
// the calls for the next gather. A call is never split.
type committer struct {
	journal Journal
	ring    *ring
	keep    *retention
	room    *semaphore.Weighted
	calls   chan *call
	index   uint64 // of the next entry; owned by run
	// patience is Config.Patience.
	patience time.Duration
	// unsettled are follow-ups that could not be written; owned by run. They are written as soon as there is
	// room, and until then no offset is saved.
	unsettled []*call

	closing chan struct{}
	done    chan struct{}
	senders sync.WaitGroup
	mu      sync.Mutex
	closed  bool
	failed  error
}

func newCommitter(j Journal, r *ring, keep *retention, next uint64, patience time.Duration) *committer {
	c := &committer{
		journal: j, ring: r, keep: keep, index: next, patience: patience,
		room:  semaphore.NewWeighted(waitingBytes),
		calls: make(chan *call, waitingCalls), closing: make(chan struct{}), done: make(chan struct{}),
	}
	go c.run()
	return c
}

// publish returns when the records, which were weighed, are durable. If ctx ends after they were handed over,
// they are written all the same, and the caller does not know. publish and follow are called between enter
// and leave.
func (c *committer) publish(ctx context.Context, records []record) error {
	p := newCall(records)
	p.err = make(chan error, 1)
	return c.await(ctx, p)
}

// follow hands records over and does not wait. No offset that is acknowledged after its return is saved
// before they are durable. patient lets them wait a moment, to be written together with later calls.
func (c *committer) follow(ctx context.Context, records []record, patient bool) error {
	p := newCall(records)
	p.patient = patient
	return c.handOver(ctx, p)
}

// sync returns nil when everything that was handed over before is durable, and an error when ctx ends first.
func (c *committer) sync(ctx context.Context) error {
	if !c.enter() {
		<-c.done // which writes what was handed over
		if len(c.unsettled) > 0 {
			return c.failure()
		}
		return nil
	}
	defer c.leave()
	return c.await(ctx, &call{err: make(chan error, 1)})
}

func (c *committer) await(ctx context.Context, p *call) error {
	if err := c.handOver(ctx, p); err != nil {
		return err
	}
	select {
	case err := <-p.err:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for the disk under the message log: %w", ctx.Err())
	}
}

func (c *committer) handOver(ctx context.Context, p *call) error {
	if err := c.room.Acquire(ctx, int64(p.bytes)); err != nil {
		return fmt.Errorf("wait for room in the message log: %w", err)
	}
	select {
	case c.calls <- p:
		return nil
	case <-ctx.Done():
		c.room.Release(int64(p.bytes))
		return fmt.Errorf("wait for the message log: %w", ctx.Err())
	}
}

// enter counts a publisher in, for whose leave close waits; false: the committer is closed.
func (c *committer) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.senders.Add(1)
	return true
}

// leave counts a publisher out.
func (c *committer) leave() { c.senders.Done() }

func (c *committer) run() {
	defer close(c.done)
	var buf []byte
	var group []*call
	mend := time.NewTicker(mendEvery)
	defer mend.Stop()
	for {
		var first *call
		select {
		case first = <-c.calls:
		case <-mend.C:
			buf = c.mend(buf)
			continue
		case <-c.closing:
			select {
			case first = <-c.calls: // a follow-up
			default:
				return
			}
		}
		group = c.gather(append(group[:0], first))
		buf = c.commit(buf[:0], group)
		clear(group)
	}
}

// gather takes what is waiting, up to the bounds of a group. While all of it is patient, it waits up to
// patience for others.
func (c *committer) gather(group []*call) []*call {
	records, bytes, patient := len(group[0].records), group[0].bytes, group[0].patient
	var moment <-chan time.Time
	for records < groupRecords && bytes < groupBytes {
		var p *call
		select {
		case p = <-c.calls:
		default:
			if !patient {
				return group
			}
			if moment == nil {
				timer := time.NewTimer(c.patience)
				defer timer.Stop()
				moment = timer.C
			}
			select {
			case p = <-c.calls:
			case <-moment:
				return group
			case <-c.closing:
				return group
			}
		}
		group = append(group, p)
		records += len(p.records)
		bytes += p.bytes
		patient = patient && p.patient
	}
	return group
}

// commit makes one entry of a group durable and answers its callers.
func (c *committer) commit(buf []byte, group []*call) []byte {
	err := c.failure()
	if err == nil {
		if buf, err = c.write(buf, group); err != nil {
			err = c.fail(err)
		}
	}
	for _, p := range group {
		c.answer(p, err)
	}
	return buf
}

// write makes one entry of calls durable; of calls without records it makes none.
func (c *committer) write(buf []byte, calls []*call) ([]byte, error) {
	n := 0
	for _, p := range calls {
		n += len(p.records)
	}
	if n == 0 {
		return buf, nil
	}
	e := &entry{records: make([]record, 0, n)}
	for _, p := range calls {
		e.records = append(e.records, p.records...)
		e.weight += p.bytes
	}
	buf = encodeEntry(buf, e.records)
	e.bytes = len(buf)
	if err := c.journal.Append(c.index, buf); err != nil {
		return buf, err
	}
	c.keep.add(c.index, e.bytes)
	c.index++
	c.ring.push(e)
	return buf, nil
}

// answer tells a caller what became of a call, and keeps a follow-up that was not written. The kept ones are
// bounded by the room for calls, since put refuses calls after a failure.
func (c *committer) answer(p *call, err error) {
	switch {
	case p.err == nil && err != nil:
		c.unsettled = append(c.unsettled, p)
	case p.err == nil:
	case len(p.records) == 0 && len(c.unsettled) == 0:
		p.err <- nil // nothing is missing that was handed over before
	default:
		p.err <- err
	}
	c.room.Release(int64(p.bytes))
}

// fail stops the log: after a failed write nobody can say what is on the disk, and
// writing on could confirm what a restart does not find. Where only the room was
// missing, mend goes on.
func (c *committer) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, mends := c.journal.(Mender); mends && errors.Is(err, ErrNoRoom) {
		c.failed = fmt.Errorf("write the message log (it goes on when there is room): %w", err)
		return c.failed
	}
	c.failed = fmt.Errorf("write the message log (it accepts nothing until a restart): %w", err)
	return c.failed
}

// mend makes a log that a full disk has stopped go on, once there is room, and first writes the follow-ups
// that are left. It runs by a timer, since nobody publishes meanwhile: a server that is not ready is asked
// for nothing.
func (c *committer) mend(buf []byte) []byte {
	m, mends := c.journal.(Mender)
	if !mends || !errors.Is(c.failure(), ErrNoRoom) {
		return buf
	}
	err := m.Mend()
	for err == nil && len(c.unsettled) > 0 {
		n := within(c.unsettled)
		if buf, err = c.write(buf[:0], c.unsettled[:n]); err == nil {
			c.unsettled = c.unsettled[n:]
		}
	}
	if err != nil {
		_ = c.fail(err) // Health tells it
		return buf
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed, c.unsettled = nil, nil
	return buf
}

func (c *committer) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// close lets publishers that are inside finish, writes what they handed over, and refuses new ones.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.senders.Wait()
	close(c.closing)
	<-c.done
}
