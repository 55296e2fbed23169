// Package stream is a message queue over one journal: every topic's messages go
// into the same sequence of entries, one entry for each group commit, so that an
// outbox over several topics is atomic by nature. What keeps the entries is a
// [Journal]: on disk for the durable embedded queue, in memory for tests. Topics that
// one process reads are handed to it and not kept.
package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

var (
	// ErrDamaged is wrapped when entries that were confirmed cannot be read.
	ErrDamaged = errors.New("the message log is damaged")
	// ErrNoRoom is wrapped by a Journal's Append that wrote nothing of the entry that
	// counts, because the disk is full.
	ErrNoRoom = errors.New("the disk has no room for the message log")
)

// Mender is a [Journal] that goes on after an ErrNoRoom: Mend brings it back to what
// was confirmed, or says with another ErrNoRoom that it is too early. It is called by
// the goroutine that appends.
type Mender interface{ Mend() error }

// Journal keeps entries. Indexes start at 1 and have no holes. Append returns
// when the entry is durable; Read returns an error that wraps [ErrDamaged] for
// an entry that was confirmed and cannot be read. Entries below the argument of
// Truncate may go. Append and Truncate are called by one goroutine each; Read by many.
type Journal interface {
	Append(index uint64, data []byte) error
	Read(index uint64) ([]byte, error)
	Bounds() (first, last uint64, err error)
	Truncate(before uint64) error
	Close() error
}

// Ledger keeps the little that is not in entries: the topics and the groups'
// offsets. Save is atomic and durable.
type Ledger interface {
	Load() ([]byte, error)
	Save(state []byte) error
}

// Config tunes a stream. Zero values are replaced by defaults.
type Config struct {
	// RingBytes is how much of the newest entries stays decoded in memory.
	RingBytes int
	// RetainBytes of the newest entries are kept even when every group has
	// acknowledged them.
	RetainBytes int
	// FlushEvery is how often changed offsets are saved; a crash delivers again
	// what was acknowledged since.
	FlushEvery time.Duration
	// TruncateEvery is how often entries that nobody needs are dropped.
	TruncateEvery time.Duration
	// JoinWithin is how long a topic that no group has joined still keeps its entries, from when the first
	// one has subscribed to any topic: groups come one after the other at a start. One that comes later,
	// or never, does not hold the log.
	JoinWithin time.Duration
	// Patience is how long follow-ups of patient topics wait for a call that is on its way to the disk
	// anyway: an fsync costs as much CPU as all else that a message needs.
	Patience time.Duration
}

func (c Config) withDefaults() Config {
	if c.RingBytes == 0 {
		c.RingBytes = 16 << 20
	}
	if c.RetainBytes == 0 {
		c.RetainBytes = 64 << 20
	}
	if c.FlushEvery == 0 {
		c.FlushEvery = 200 * time.Millisecond
	}
	if c.TruncateEvery == 0 {
		c.TruncateEvery = 5 * time.Second
	}
	if c.JoinWithin == 0 {
		c.JoinWithin = time.Minute
	}
	if c.Patience == 0 {
		c.Patience = 5 * time.Millisecond
	}
	return c
}

// Stream is an [mq.Transport] over a journal. Publish keeps references to the
// messages' payloads and metadata, which must not be written to afterwards.
type Stream struct {
	cfg     Config
	journal Journal
	ledger  Ledger
	log     *zap.Logger

	ring     *ring
	keep     *retention
	commit   *committer
	catalog  *catalog
	live     live
	closing  chan struct{}
	chores   sync.WaitGroup
	closeErr error
	// unreadable is the first error of reading a confirmed entry.
	unreadable atomic.Pointer[error]
	once       sync.Once

	mu   sync.Mutex
	subs map[*Subscriber]struct{} // nil after Close

	holding sync.Mutex
	held    map[*uint64]struct{} // entries from there on stay; see hold
	// read is when the first subscription began; nil: nobody reads yet.
	read atomic.Pointer[time.Time]
}

// Open makes a transport of a journal and a ledger, both of which it closes.
func Open(cfg Config, journal Journal, ledger Ledger, log *zap.Logger) (*Stream, error) {
	cfg = cfg.withDefaults()
	first, last, err := journal.Bounds()
	if err != nil {
		return nil, fmt.Errorf("read the bounds of the message log: %w", err)
	}
	if last == 0 {
		first = 1
	}
	cat, err := loadCatalog(ledger)
	if err != nil {
		return nil, err
	}
	cat.clamp(first, last)
	s := &Stream{
		cfg: cfg, journal: journal, ledger: ledger, log: log,
		ring: newRing(first, last+1, cfg.RingBytes), catalog: cat,
		closing: make(chan struct{}), subs: map[*Subscriber]struct{}{}, held: map[*uint64]struct{}{},
		live: live{topics: map[uint64][]*Subscription{}},
	}
	s.keep = newRetention(cfg.RetainBytes, last+1)
	s.commit = newCommitter(journal, s.ring, s.keep, last+1, cfg.Patience)
	cat.settled = s.settled
	s.chores.Add(1)
	go s.housekeep()
	return s, nil
}

// Publisher returns the shared publisher. It has an order: messages of one call,
// and calls that follow each other, keep theirs.
func (s *Stream) Publisher() message.Publisher { return publisher{s} }

// Outbox returns a publisher of calls that are whole or not there: a call is
// never split over entries. There is one process, so nothing is to be fenced.
func (s *Stream) Outbox(string) (mq.Outbox, error) { return outbox{s.catalog, s.publish}, nil }

// FollowUp implements [mq.FollowUps]: a call returns before it is durable, and no acknowledgement
// that comes after that call is saved before the call is durable.
func (s *Stream) FollowUp(string) (mq.Outbox, error) { return outbox{s.catalog, s.follow}, nil }

// HandsOver implements [mq.HandsOver] for topics that one process reads.
func (s *Stream) HandsOver(topic string) bool {
	id, err := s.catalog.id(topic)
	return err == nil && s.catalog.isTail(id)
}

// settleTimeout bounds the wait for follow-ups to be durable; they are waited for again.
const settleTimeout = 10 * time.Second

// settled returns when all follow-ups that were published before are durable.
func (s *Stream) settled() error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	return s.commit.sync(ctx)
}

// Ensure makes topics that are missing; they are durable when it returns.
func (s *Stream) Ensure(_ context.Context, topics ...mq.Topic) error {
	return s.catalog.ensure(topics)
}

// Delete removes topics and what groups remember of them.
func (s *Stream) Delete(_ context.Context, names ...string) error { return s.catalog.remove(names) }

// Topics lists the topics by name, in order.
func (s *Stream) Topics() []string { return s.catalog.names() }

// Health returns the error that stopped the log, if one did: after a failed
// fsync nothing more is accepted, since nobody can say what is on the disk; after a
// full disk nothing is until there is room again; a confirmed entry that cannot be read stops the groups that need it.
func (s *Stream) Health(context.Context) error {
	if err := s.unreadable.Load(); err != nil {
		return *err
	}
	return s.commit.failure()
}

// Close drains and closes all subscribers, saves offsets and closes the journal.
func (s *Stream) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		subs := s.subs
		s.subs = nil
		s.mu.Unlock()
		var drains sync.WaitGroup
		for sub := range subs {
			drains.Go(func() { _ = sub.Close() }) // cannot fail
		}
		drains.Wait()
		s.commit.close()
		close(s.closing)
		s.chores.Wait()
		s.closeErr = errors.Join(s.catalog.flush(), s.journal.Close())
	})
	return s.closeErr
}

// rouseEvery is how long readers may not follow entries without a record for them.
const rouseEvery = 100 * time.Millisecond

// housekeep saves offsets and drops entries that nobody needs any more.
func (s *Stream) housekeep() {
	defer s.chores.Done()
	flush := time.NewTicker(s.cfg.FlushEvery)
	defer flush.Stop()
	truncate := time.NewTicker(s.cfg.TruncateEvery)
	defer truncate.Stop()
	rouse := time.NewTicker(rouseEvery)
	defer rouse.Stop()
	roused := s.ring.end()
	for {
		select {
		case <-s.closing:
			return
		case <-rouse.C:
			if end := s.ring.end(); end != roused {
				roused = end
				s.ring.rouse()
			}
		case <-flush.C:
			if err := s.catalog.flush(); err != nil {
				s.log.Error("offsets of the message log were not saved; a restart delivers again", zap.Error(err))
			}
		case <-truncate.C:
			if err := s.truncate(); err != nil {
				s.log.Error("the message log was not truncated; it keeps growing", zap.Error(err))
			}
		}
	}
}

// awaited says whether a group may still join that begins at the oldest entry: after a start groups come
// one after the other, and what is in a topic that nobody has read is dropped before its group is there.
// The time begins with the first reader, since a start may take long before that; it ends, because a
// topic may be one that nobody ever joins.
func (s *Stream) awaited() bool {
	began := s.read.Load()
	return (began == nil || time.Since(*began) < s.cfg.JoinWithin) && s.catalog.unjoined()
}

// truncate drops what every group has acknowledged and RetainBytes do not cover.
func (s *Stream) truncate() error {
	s.holding.Lock()
	defer s.holding.Unlock()
	if s.awaited() {
		return nil
	}
	first := s.ring.first()
	before := s.catalog.needed(s.ring.end())
	for from := range s.held {
		before = min(before, *from)
	}
	if before <= first {
		return nil
	}
	floor, err := s.keep.floor(s.journal, first)
	if err != nil {
		return fmt.Errorf("size the message log: %w", err)
	}
	if before = min(before, floor); before <= first {
		return nil
	}
	s.ring.forget(before)
	if err := s.journal.Truncate(before); err != nil {
		return fmt.Errorf("truncate the message log below entry %d: %w", before, err)
	}
	return nil
}
