// Package stream is a message queue over one journal: every topic's messages go into the same sequence of
// entries, one entry for each group commit, so that an outbox over several topics is atomic by nature. A
// [Journal] keeps the entries: on disk for the durable embedded queue, in memory for tests. Records of tail
// topics ([mq.Topic]) are handed to their readers and not kept.
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
	// ErrNoRoom is wrapped by a Journal's Append when the disk is full. What was written of the entry does
	// not belong to the journal.
	ErrNoRoom = errors.New("the disk has no room for the message log")
)

// Mender is a [Journal] that can go on after an ErrNoRoom: Mend brings it back to its confirmed entries, or
// returns another ErrNoRoom while there is still no room. The goroutine that appends calls it.
type Mender interface{ Mend() error }

// Journal keeps entries. Indexes start at 1 and have no holes. Append returns when the entry is durable; Read
// returns an error that wraps [ErrDamaged] for an entry that was confirmed and cannot be read. Truncate
// allows entries below its argument to be removed. Append and Truncate are called by one goroutine each; Read
// by many.
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
	// RingBytes is how much of the newest entries stays decoded in memory; default 16 MiB.
	RingBytes int
	// RetainBytes of the newest entries are kept even when every group has acknowledged them; default 64 MiB.
	RetainBytes int
	// FlushEvery is how often changed offsets are saved; a crash delivers again what was acknowledged since.
	// Default 200 ms.
	FlushEvery time.Duration
	// TruncateEvery is how often entries that nobody needs are dropped; default 5 s.
	TruncateEvery time.Duration
	// JoinWithin is for how long, from the first subscription on, nothing is dropped while some topic has no
	// group yet: at a start groups join one after the other. A group that comes later, or never, does not
	// hold the log. Default 1 min.
	JoinWithin time.Duration
	// Patience is how long a group commit that has only follow-ups of patient topics waits for others to
	// share its fsync, which costs as much CPU as everything else that a message needs. Default 5 ms.
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

// Open makes a transport of a journal and a ledger. Close of the transport closes the journal; after an error
// of Open its caller does.
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

// Publisher returns the shared publisher. Messages of one call keep their order, and so do calls of which one
// begins after the other has returned.
func (s *Stream) Publisher() message.Publisher { return publisher{s} }

// Outbox returns a publisher of calls that are all or none: a call is never split over entries. The id is
// ignored, since with one process there is nobody to fence.
func (s *Stream) Outbox(string) (mq.Outbox, error) { return outbox{s.catalog, s.publish}, nil }

// FollowUp implements [mq.FollowUps]: a call returns before it is durable, and no acknowledgement that comes
// after the call is saved before it is.
func (s *Stream) FollowUp(string) (mq.Outbox, error) { return outbox{s.catalog, s.follow}, nil }

// HandsOver implements [mq.HandsOver]: it is true for tail topics.
func (s *Stream) HandsOver(topic string) bool {
	id, err := s.catalog.id(topic)
	return err == nil && s.catalog.isTail(id)
}

// settleTimeout bounds one wait for follow-ups to be durable; the next flush waits for them again.
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
func (s *Stream) Delete(_ context.Context, names ...string) error {
	ids, err := s.catalog.remove(names)
	for _, id := range ids {
		for _, p := range s.live.readers(id) {
			p.dismiss()
		}
	}
	return err
}

// Topics lists the topics by name, in order.
func (s *Stream) Topics() []string { return s.catalog.names() }

// Health returns the error that keeps the log from working, or nil. After a failed fsync nothing is accepted
// until a restart, since nobody can say what is on the disk; after a full disk nothing is until there is room
// again; a confirmed entry that cannot be read stops the groups that need it.
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
