package mq

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Source is one stream of records with growing offsets. Feed is called by one
// goroutine; everything else is safe for concurrent use.
type Source struct {
	lanes   *Lanes
	tracker tracker
}

// Source adds a source. mark is called with each new low-water mark of that source, one call at a time and
// never with a lower one; mark must be quick.
func (l *Lanes) Source(mark func(offset uint64)) *Source {
	return &Source{lanes: l, tracker: tracker{release: l.release, mark: mark}}
}

// Feed hands a record over. It blocks while Window records, or WindowBytes, of all sources are beyond their
// low-water marks: that is the backpressure on the queue. It returns false, without having taken the record,
// when ctx is done or the lanes drain. Calling it while the lanes drain is safe.
func (s *Source) Feed(ctx context.Context, r Record) bool {
	l := s.lanes
	cost := l.cost(r.Message)
	if !l.admit(ctx, cost) {
		return false
	}
	// Once drained is set no record is taken: Drain already waits for the workers, and must not miss one that
	// starts now.
	l.starting.RLock()
	defer l.starting.RUnlock()
	if l.drained {
		l.release(1, cost)
		return false
	}
	t := s.tracker.add(r, cost)
	ln := &l.lanes[l.laneOf(r.Message)]
	ln.mu.Lock()
	defer ln.mu.Unlock()
	ln.queue = append(ln.queue, t)
	if !ln.busy {
		ln.busy = true
		l.workers.Add(1)
		go l.work(ln)
	}
	return true
}

// windowOverhead is what a record takes in memory beside its bytes.
const windowOverhead = 1 << 10

// cost is what a record takes of WindowBytes.
func (l *Lanes) cost(m *message.Message) int64 {
	return int64(min(RecordBytes(m)+windowOverhead, l.cfg.WindowBytes))
}

// admit waits for room in the window.
func (l *Lanes) admit(ctx context.Context, cost int64) bool {
	select {
	case l.slots <- struct{}{}:
	default:
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return false
		case <-l.draining:
			return false
		}
	}
	if l.room.TryAcquire(cost) {
		return true
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waited := make(chan struct{})
	defer close(waited)
	go func() {
		select {
		case <-l.draining:
			cancel()
		case <-waited:
		}
	}()
	if l.room.Acquire(ctx, cost) != nil {
		<-l.slots
		return false
	}
	return true
}

// release makes room in the window.
func (l *Lanes) release(records int, cost int64) {
	l.room.Release(cost)
	for range records {
		<-l.slots
	}
}

// Skip says that the source was read up to offset and held nothing to deliver since the last record, so that
// the low-water mark can move on when nothing is in flight.
func (s *Source) Skip(offset uint64) { s.tracker.skip(offset) }
