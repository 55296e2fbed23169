package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/ThreeDotsLabs/watermill/message"

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
	// mendEvery is how often it is looked whether a full disk has room again.
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

	closing chan struct{}
	done    chan struct{}
	senders sync.WaitGroup
	mu      sync.Mutex
	closed  bool
	failed  error
}

type call struct {
	records []record
	bytes   int
	err     chan error
}

func newCommitter(j Journal, r *ring, keep *retention, next uint64) *committer {
	c := &committer{
		journal: j, ring: r, keep: keep, index: next,
		room:  semaphore.NewWeighted(waitingBytes),
		calls: make(chan *call, waitingCalls), closing: make(chan struct{}), done: make(chan struct{}),
	}
	go c.run()
	return c
}

// publish returns when the records are durable. Once handed over they will be,
// even when ctx ends first: then the caller does not know.
func (c *committer) publish(ctx context.Context, records []record) error {
	bytes := 0
	for _, r := range records {
		size := mq.RecordBytes(r.msg)
		if size > mq.MaxRecordBytes {
			return fmt.Errorf("%w: message %s has %d bytes, the limit is %d", mq.ErrTooLarge, r.msg.UUID, size, mq.MaxRecordBytes)
		}
		bytes += size + recordOverhead
	}
	if bytes > mq.MaxCallBytes || len(records) >= maxRecords {
		return fmt.Errorf("%w: %d messages with %d bytes in one call, the limit is %d", mq.ErrTooLarge, len(records), bytes, mq.MaxCallBytes)
	}
	if !c.enter() {
		return mq.ErrClosed
	}
	defer c.senders.Done()
	if err := c.room.Acquire(ctx, int64(bytes)); err != nil {
		return fmt.Errorf("wait for room in the message log: %w", err)
	}
	defer c.room.Release(int64(bytes))
	p := &call{records: records, bytes: bytes, err: make(chan error, 1)}
	select {
	case c.calls <- p:
	case <-ctx.Done():
		return fmt.Errorf("wait for the message log: %w", ctx.Err())
	}
	select {
	case err := <-p.err:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for the disk under the message log: %w", ctx.Err())
	}
}

// enter counts a publisher in; close waits for it.
func (c *committer) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.senders.Add(1)
	return true
}

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
			c.mend()
			continue
		case <-c.closing:
			return
		}
		group = c.gather(append(group[:0], first))
		buf = c.commit(buf[:0], group)
		clear(group)
	}
}

// gather takes what is waiting, up to the bounds of a group.
func (c *committer) gather(group []*call) []*call {
	records, bytes := len(group[0].records), group[0].bytes
	for records < groupRecords && bytes < groupBytes {
		select {
		case p := <-c.calls:
			group = append(group, p)
			records += len(p.records)
			bytes += p.bytes
		default:
			return group
		}
	}
	return group
}

// commit makes one entry of a group durable and answers its callers.
func (c *committer) commit(buf []byte, group []*call) []byte {
	err := c.failure()
	if err == nil {
		n := 0
		for _, p := range group {
			n += len(p.records)
		}
		e := &entry{records: make([]record, 0, n)}
		for _, p := range group {
			e.records = append(e.records, p.records...)
		}
		buf = encodeEntry(buf, e.records)
		e.bytes = len(buf)
		if err = c.journal.Append(c.index, buf); err != nil {
			err = c.fail(err)
		} else {
			c.keep.add(c.index, e.bytes)
			c.index++
			c.ring.push(e)
		}
	}
	for _, p := range group {
		p.err <- err
	}
	return buf
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

// mend goes on after a full disk, once there is room. Nobody publishes meanwhile: a
// server that is not ready is asked for nothing.
func (c *committer) mend() {
	m, mends := c.journal.(Mender)
	if !mends || !errors.Is(c.failure(), ErrNoRoom) {
		return
	}
	if err := m.Mend(); err != nil {
		_ = c.fail(err) // Health tells it
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = nil
}

func (c *committer) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// close lets publishers that are inside finish, and refuses new ones.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.senders.Wait()
	close(c.closing)
	<-c.done
}

// publisher is the Watermill face of the committer.
type publisher struct{ s *Stream }

// Publish makes all messages of a call durable, in one entry.
func (p publisher) Publish(topic string, msgs ...*message.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	id, err := p.s.catalog.id(topic)
	if err != nil {
		return err
	}
	records := make([]record, len(msgs))
	for i, m := range msgs {
		records[i] = record{topic: id, msg: m}
	}
	return p.s.commit.publish(context.Background(), records) //nolint:contextcheck // Watermill's publishers have no context
}

// Close does nothing: the publisher is shared, and ends with its transport.
func (publisher) Close() error { return nil }

type outbox struct{ s *Stream }

func (o outbox) Publish(ctx context.Context, out ...mq.Outbound) error {
	if len(out) == 0 {
		return nil
	}
	records := make([]record, len(out))
	for i, m := range out {
		id, err := o.s.catalog.id(m.Topic)
		if err != nil {
			return err
		}
		records[i] = record{topic: id, msg: m.Message}
	}
	return o.s.commit.publish(ctx, records)
}
