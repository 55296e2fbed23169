package mq

import (
	"context"
	"hash/maphash"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/semaphore"

	"github.com/gochat/gochat/infra/pause"
)

// Record is one message of a queue with its place in it. Offsets of one
// subscription grow from record to record.
type Record struct {
	Offset  uint64
	Message *message.Message
}

// Lanes delivers records in order per key and in parallel over keys: a record
// goes to the lane of its key's hash, and a lane has one message, or one run of
// consecutive messages, in flight. A nacked one is delivered again before
// anything behind it in its lane. Offsets are marked up to the low-water mark,
// below which everything is acknowledged.
//
// What is fed comes from one source, or, where a topic has partitions, from one
// for each of them that this subscriber owns: they share the lanes, so that runs
// are long, and the window. Each has offsets and a mark of its own.
type Lanes struct {
	cfg  SubscriberConfig
	out  chan<- *message.Message
	seed maphash.Seed

	lanes []lane
	// slots holds one token for each record beyond the mark of its source.
	slots chan struct{}
	// room holds the bytes of those records.
	room *semaphore.Weighted

	starting sync.RWMutex // held while a worker starts, and when drained is set
	drained  bool
	workers  sync.WaitGroup
	gate     func() bool
	shut     atomic.Bool // the gate has said no

	draining chan struct{} // closed: no new deliveries
	stopped  chan struct{} // closed: in-flight ones are given up
	base     context.Context
}

type lane struct {
	mu    sync.Mutex
	queue []*tracked
	busy  bool
}

// NewLanes returns an engine that delivers to out. Values of ctx are in the
// messages' contexts; its end is not theirs.
func NewLanes(ctx context.Context, cfg SubscriberConfig, out chan<- *message.Message) *Lanes {
	return &Lanes{
		cfg: cfg, out: out, seed: maphash.MakeSeed(),
		lanes:    make([]lane, cfg.Lanes),
		slots:    make(chan struct{}, cfg.Window),
		room:     semaphore.NewWeighted(int64(cfg.WindowBytes)),
		draining: make(chan struct{}), stopped: make(chan struct{}),
		base: context.WithoutCancel(ctx),
	}
}

// Gate asks may before each delivery. Its first no is for all lanes and for good:
// from then on there are no deliveries, so whoever says no must also see to it that
// the engine is drained and a new one made. It is for queues that may give their
// records to others without being able to tell. Call it before the first Feed.
func (l *Lanes) Gate(may func() bool) { l.gate = may }

// open reports whether the gate lets a delivery through.
func (l *Lanes) open() bool {
	if l.gate == nil {
		return true
	}
	if l.shut.Load() || !l.gate() {
		l.shut.Store(true)
		return false
	}
	return true
}

// Source is one stream of records with growing offsets. Feed is called by one
// goroutine; everything else is safe for concurrent use.
type Source struct {
	lanes   *Lanes
	tracker tracker
}

// Source adds a source. mark is called with each new low-water mark of it, one
// call at a time and never with a lower one; it must be quick.
func (l *Lanes) Source(mark func(offset uint64)) *Source {
	return &Source{lanes: l, tracker: tracker{release: l.release, mark: mark}}
}

// Feed hands a record over. It blocks while Window records, or WindowBytes of them, of
// all sources are beyond their low-water marks, which is the backpressure on the queue; it
// returns false when ctx is done or the engine is draining, and then the record was not
// taken. It may be called while the engine drains.
func (s *Source) Feed(ctx context.Context, r Record) bool {
	l := s.lanes
	cost := l.cost(r.Message)
	if !l.admit(ctx, cost) {
		return false
	}
	// A worker that starts while the engine drains would be waited for and not be: so
	// nothing is taken any more once it does.
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

// Skip tells the engine that the source was read up to offset and held nothing
// to deliver since the last record, so that the mark can move on when nothing is
// in flight.
func (s *Source) Skip(offset uint64) { s.tracker.skip(offset) }

func (l *Lanes) laneOf(m *message.Message) int {
	key := m.Metadata[KeyMetadata]
	if key == "" {
		key = m.UUID
	}
	return int(maphash.String(l.seed, key) % uint64(len(l.lanes)))
}

// work delivers what is in a lane and ends when the lane is empty, so that idle
// lanes cost no goroutine.
func (l *Lanes) work(ln *lane) {
	defer l.workers.Done()
	for {
		run := ln.take(l.cfg.Run, l.cfg.RunBytes)
		if run == nil {
			return
		}
		if !l.deliver(run) {
			// Draining: what is left stays in the queue. The lane stays busy, so
			// that nobody starts on it again.
			return
		}
		acknowledge(run)
	}
}

func (ln *lane) take(most, mostBytes int) []*tracked {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.queue) == 0 {
		ln.busy, ln.queue = false, nil
		return nil
	}
	n, bytes := 0, 0
	for n < min(most, len(ln.queue)) {
		bytes += payloadBytes(ln.queue[n].record.Message)
		if n > 0 && bytes > mostBytes {
			break
		}
		n++
	}
	run := ln.queue[:n:n]
	ln.queue = ln.queue[n:]
	return run
}

// deliver brings a run to its acknowledgement, however often it is nacked.
func (l *Lanes) deliver(run []*tracked) bool {
	for {
		select {
		case <-l.draining:
			return false
		default:
		}
		if !l.open() {
			return false
		}
		ctx, cancel := context.WithCancel(l.base)
		msg := compose(ctx, run)
		select {
		case l.out <- msg:
		case <-l.draining:
			cancel()
			return false
		}
		acked := false
		select {
		case <-msg.Acked():
			acked = true
		case <-msg.Nacked():
		case <-l.stopped:
		}
		cancel()
		if acked {
			return true
		}
		if !pause.For(l.draining, l.cfg.NackDelay) {
			return false
		}
	}
}

// compose makes the message of one delivery, which stands for the run. Those of the run are the
// queue's own, which every subscription is given: nobody may write to them. The one that stands for
// them has metadata of its own, since middlewares write there.
func compose(ctx context.Context, run []*tracked) *message.Message {
	msgs := make([]*message.Message, len(run))
	for i, t := range run {
		msgs[i] = t.record.Message
	}
	first := message.NewMessage(msgs[0].UUID, msgs[0].Payload)
	maps.Copy(first.Metadata, msgs[0].Metadata)
	first.SetContext(WithRun(ctx, msgs...))
	return first
}

// Drain stops deliveries, waits up to DrainTimeout for those in flight, and
// returns when no delivery is left. What was not acknowledged was not marked and
// is delivered again to whoever reads the group next.
func (l *Lanes) Drain() {
	l.starting.Lock()
	l.drained = true
	l.starting.Unlock()
	close(l.draining)
	idle := make(chan struct{})
	go func() {
		l.workers.Wait()
		close(idle)
	}()
	timer := time.NewTimer(l.cfg.DrainTimeout)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
	close(l.stopped)
	<-idle
}
