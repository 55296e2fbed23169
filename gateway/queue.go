package gateway

import (
	"sync"
	"time"

	"github.com/gochat/gochat/contracts"
)

const (
	// gatherBytes is how much goes out in one write when frames have queued up.
	gatherBytes = 16 << 10
	// controlFrames and controlBytes are how much room classControl and classCourtesy have beyond a full queue.
	controlFrames = 256
	controlBytes  = 256 << 10
	// maxHints is how many conversations may have a hint waiting in one socket's queue; with more, the socket is closed.
	maxHints = 256
	// idleCap is the capacity, in frames, that an empty queue may keep.
	idleCap = 8
)

// class says what becomes of a frame that does not fit.
type class uint8

const (
	// classControl is an answer to the client's own frame, or news that the client cannot pull later: it has room of its
	// own and is never dropped. Where it does not fit, the socket is closed.
	classControl class = iota
	// classPush is a message: a sync-hint takes its place.
	classPush
	// classEvent is a passing event, such as read, typing or presence: it is dropped.
	classEvent
	// classCourtesy is an answer to the client's own frame of which one is as good as many (pong, rate_limited): it has
	// the room of classControl, and is dropped where classControl would close the socket.
	classCourtesy
)

// verdict says what put did with a frame.
type verdict uint8

const (
	queued    verdict = iota
	collapsed         // a sync-hint will tell of it
	dropped           // the socket is closing, or the frame was a mere event
	overflow          // it could be neither queued nor dropped: the socket is too slow
)

// frame is one frame for one socket.
type frame struct {
	raw   []byte // shared with other sockets, never changed
	class class
	conv  string // of a push
	seq   uint64 // of a push
	since int64  // when the message of a push was accepted, Unix milliseconds; 0 is not known
}

// queue holds what waits for one socket. A writer exists only while it is not
// empty; put tells when one has to be started.
type queue struct {
	mu     sync.Mutex
	frames [][]byte
	head   int
	bytes  int
	hints  map[string]uint64
	// The delay of one waiting push is measured: measured is its place in the queue, counted from 1, and 0 while there
	// is none; since is when its message was accepted, Unix milliseconds.
	measured int
	since    int64
	// starved is when a frame did not fit first, Unix milliseconds; 0 once half of the queue is free again.
	starved int64
	// writing: a writer is at work, or the queue is corked before hello.
	writing bool
	// closed: nothing is taken any more; last is the close frame to end with.
	closed bool
	last   []byte
	// ended is closed when the queue is closed and its writer has ended; made on demand.
	ended chan struct{}
}

func (q *queue) len() int { return len(q.frames) - q.head }

// put queues a frame; start tells the caller to start a writer.
func (q *queue) put(f frame, maxFrames, maxBytes int) (v verdict, start bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return dropped, false
	}
	if f.class == classPush && q.hints != nil {
		if _, behind := q.hints[f.conv]; behind {
			// The hint goes into the queue later: a push that is queued now would overtake it.
			return q.hint(f), false
		}
	}
	if f.class == classControl || f.class == classCourtesy {
		maxFrames += controlFrames
		maxBytes += controlBytes
	}
	if q.len() < maxFrames && q.bytes+len(f.raw) <= maxBytes {
		q.push(f.raw)
		if q.measured == 0 && f.since != 0 {
			q.measured, q.since = q.len(), f.since
		}
		start = !q.writing
		q.writing = true
		return queued, start
	}
	if q.starved == 0 {
		q.starved = time.Now().UnixMilli()
	}
	switch f.class {
	case classPush:
		return q.hint(f), false
	case classEvent, classCourtesy:
		return dropped, false
	default:
		return overflow, false
	}
}

func (q *queue) push(raw []byte) {
	if q.head > 0 && len(q.frames) == cap(q.frames) {
		q.compact()
	}
	q.frames = append(q.frames, raw)
	q.bytes += len(raw)
}

func (q *queue) compact() {
	n := copy(q.frames, q.frames[q.head:])
	clear(q.frames[n:])
	q.frames, q.head = q.frames[:n], 0
}

func (q *queue) hint(f frame) verdict {
	if _, ok := q.hints[f.conv]; !ok && len(q.hints) >= maxHints {
		return overflow
	}
	if q.hints == nil {
		q.hints = map[string]uint64{}
	}
	q.hints[f.conv] = max(q.hints[f.conv], f.seq)
	return collapsed
}

// gatherPool holds the buffers in which queued frames are gathered; a writer has
// one only while a write of several frames is under way.
var gatherPool = sync.Pool{New: func() any { b := make([]byte, 0, gatherBytes); return &b }}

// chunk is what one write sends: one shared frame, or several gathered in a buffer.
type chunk struct {
	raw    []byte
	pooled *[]byte
	last   bool  // the close frame
	since  int64 // when the message that is measured in it was accepted; 0: none is
}

func (c chunk) free() {
	if c.pooled != nil {
		gatherPool.Put(c.pooled)
	}
}

// next returns what to write next; false ends the writer. hinted is the number of
// sync-hints that were queued.
func (q *queue) next(maxFrames, maxBytes int) (c chunk, hinted int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		hinted = q.flushHints(maxFrames, maxBytes)
	}
	if q.len() == 0 {
		if q.last != nil {
			c.raw, c.last, q.last = q.last, true, nil
			return c, hinted, true
		}
		q.stopWriting()
		return c, hinted, false
	}
	if q.len() == 1 || len(q.frames[q.head])+len(q.frames[q.head+1]) > gatherBytes {
		c.raw = q.pop(&c)
		return c, hinted, true
	}
	c.pooled = gatherPool.Get().(*[]byte)
	c.raw = (*c.pooled)[:0]
	for q.len() > 0 && len(c.raw)+len(q.frames[q.head]) <= gatherBytes {
		c.raw = append(c.raw, q.pop(&c)...)
	}
	return c, hinted, true
}

func (q *queue) pop(into *chunk) []byte {
	if q.measured > 0 {
		if q.measured--; q.measured == 0 {
			into.since = q.since
		}
	}
	raw := q.frames[q.head]
	q.frames[q.head] = nil
	q.head++
	q.bytes -= len(raw)
	return raw
}

// flushHints queues the sync-hints once half of the queue is free again, and returns how many there were.
func (q *queue) flushHints(maxFrames, maxBytes int) int {
	if q.len() > maxFrames/2 || q.bytes > maxBytes/2 {
		return 0
	}
	q.starved = 0
	n := len(q.hints)
	for conv, seq := range q.hints {
		q.push(textFrame(contracts.FrameSyncHint, contracts.SyncHintData{ConversationID: conv, LastSeq: seq}))
	}
	q.hints = nil
	return n
}

// stopWriting notes that there is no writer any more.
func (q *queue) stopWriting() {
	q.writing = false
	q.head, q.frames = 0, q.frames[:0]
	if cap(q.frames) > idleCap {
		q.frames = nil
	}
	if q.closed && q.ended != nil {
		close(q.ended)
	}
}

// abandon ends the queue when nothing can be written any more.
func (q *queue) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.last, q.hints = true, nil, nil
	q.frames, q.head, q.bytes, q.measured = nil, 0, 0, 0
	q.stopWriting()
}

// uncork puts first before all frames that wait. The caller starts the writer.
func (q *queue) uncork(first []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.frames = append([][]byte{first}, q.frames[q.head:]...)
	q.head = 0
	if q.measured > 0 {
		q.measured++
	}
	q.bytes += len(first)
}

// whenEnded returns a channel that is closed once the queue is closed and its
// writer has ended.
func (q *queue) whenEnded() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended == nil {
		q.ended = make(chan struct{})
		if q.closed && !q.writing {
			close(q.ended)
		}
	}
	return q.ended
}

// starvedSince returns when (Unix milliseconds) frames began not to fit, 0 when they do.
func (q *queue) starvedSince() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.starved
}

// close takes no more frames and ends with last (nil: with nothing). What is queued
// already goes out before it, unless discard is set. It returns whether it was the
// first call, and whether a writer has to be started.
func (q *queue) close(last []byte, discard bool) (first, start bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false, false
	}
	q.closed, q.last, q.hints = true, last, nil
	if discard {
		q.frames, q.head, q.bytes, q.measured = nil, 0, 0, 0
	}
	if q.writing {
		return true, false
	}
	if q.last == nil && q.len() == 0 {
		q.stopWriting()
		return true, false
	}
	q.writing = true
	return true, true
}
