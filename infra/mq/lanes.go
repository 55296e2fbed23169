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

// Record is one message of a queue with its offset. Offsets of one [Source] grow from record to record.
type Record struct {
	Offset  uint64
	Message *message.Message
}

// Lanes delivers records in order per key and in parallel over keys: a record goes to the lane that its key's
// hash chooses, and a lane has one message, or one run of consecutive messages, in flight. A nacked run is
// delivered again before anything behind it in its lane.
//
// Records come from one [Source], or, where a topic has partitions or shards, from one for each that this
// subscriber owns. Sources share the lanes, so that runs are long, and the window; each has its own offsets
// and its own low-water mark, the offset at and below which all of its records are acknowledged.
type Lanes struct {
	cfg  SubscriberConfig
	out  chan<- *message.Message
	seed maphash.Seed

	lanes []lane
	// slots holds one token for each record beyond the low-water mark of its source.
	slots chan struct{}
	// room counts the bytes of those records, overhead included.
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

// NewLanes returns lanes that deliver to out. The messages' contexts have the values of ctx, but do not end
// with ctx: deliveries end with Drain.
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

// Gate makes the lanes ask may before each delivery. Its first false stops the deliveries of all lanes for
// good, so whoever returns false must also have these lanes drained and new ones made. A driver needs a gate
// if a partition or shard can go to another member before this one is told. Call Gate before the first Feed.
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

func (l *Lanes) laneOf(m *message.Message) int {
	key := m.Metadata[KeyMetadata]
	if key == "" {
		key = m.UUID
	}
	return int(maphash.String(l.seed, key) % uint64(len(l.lanes)))
}

// work delivers the runs of a lane and ends when the lane is empty, so that idle lanes cost no goroutine.
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
