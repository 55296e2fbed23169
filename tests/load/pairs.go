package load

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/tests/client"
)

// ringSize is the number of send times that a pair remembers, and bounds --in-flight. Times of sends that are paced are
// computed by their numbers, since a slow server may have any number of them in flight.
const ringSize = 1024

// schedule says when the sends of a pair are due: first is the number of the send at begin (Unix ns), and the others
// follow every so many ns.
type schedule struct {
	first        int
	begin, every int64
}

// pair is one sender and one receiver.
type pair struct {
	run              *run
	sender, receiver *client.Account
	from, to         *websocket.Conn
	// peers are the pairs whose receivers this pair's sender sends to in turn, beginning with its own;
	// heads are the frames to them up to the message's number.
	peers        []*pair
	heads        [][]byte
	frame        []byte
	next         int
	sent         [ringSize]atomic.Int64 // Unix ns by number
	paced        atomic.Pointer[schedule]
	storedFirst  atomic.Int64 // stored messages to the first peer
	conversation string       // with the first peer
	// last is the number of the last message that the receiver got from each sender, by user id.
	last map[string]int
}

var frameTail = []byte(`"}}`)

// open opens the sender's socket or the receiver's.
func (p *pair) open(ctx context.Context, sender bool) (err error) {
	d := &websocket.Dialer{ReadBufferSize: 4096, WriteBufferSize: 4096, HandshakeTimeout: dialTimeout}
	if sender {
		p.from, err = p.sender.Dial(ctx, d, "")
		return err
	}
	p.to, err = p.receiver.Dial(ctx, d, "")
	return err
}

// pace sends at the pair's share of the rate, however long answers take, until the run stops. The
// latency of a message begins when the message was due, even if it was sent later: otherwise a slow
// server would delay the sends and hide its own latency (coordinated omission).
func (p *pair) pace(ctx context.Context, i int) error {
	cfg := p.run.cfg
	every := time.Duration(float64(time.Second) * float64(cfg.Pairs) / cfg.Rate)
	due := time.Now().Add(every * time.Duration(i) / time.Duration(cfg.Pairs))
	p.paced.Store(&schedule{first: p.next + 1, begin: due.UnixNano(), every: int64(every)})
	for !p.run.stopping.Load() {
		if err := pause(ctx, time.Until(due)); err != nil {
			return nil //nolint:nilerr // the run ends; its cause is reported elsewhere
		}
		if err := p.sendDue(due); err != nil {
			return p.run.ended(fmt.Errorf("send: %w", err))
		}
		due = due.Add(every)
	}
	return nil
}

// send writes the next message.
func (p *pair) send() error { return p.sendDue(time.Now()) }

// sendDue writes the next message; its latency begins at due.
func (p *pair) sendDue(due time.Time) error {
	head := p.heads[p.next%len(p.heads)]
	p.next++
	p.frame = append(strconv.AppendInt(append(p.frame[:0], head...), int64(p.next), 10), frameTail...)
	p.sent[p.next%ringSize].Store(due.UnixNano())
	return p.from.WriteMessage(websocket.TextMessage, p.frame)
}

// sentAt returns when the send of a number was made, or was due.
func (p *pair) sentAt(n int) int64 {
	if s := p.paced.Load(); s != nil && n >= s.first {
		return s.begin + s.every*int64(n-s.first)
	}
	return p.sent[n%ringSize].Load()
}

func (p *pair) sendLoop() error {
	first := p.run.cfg.InFlight
	if p.run.cfg.Rate > 0 {
		first = 0
	}
	for range first {
		if err := p.send(); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	buf := make([]byte, 16<<10)
	for {
		frame, err := read(p.from, buf)
		if err != nil {
			return p.run.ended(err)
		}
		switch {
		case bytes.HasPrefix(frame, ackT):
		case bytes.HasPrefix(frame, storedT):
			if err := p.onStored(frame); err != nil {
				return err
			}
		case refused(frame):
			p.run.errors.Add(1)
			return fmt.Errorf("%w: a send was refused: %s", ErrWrong, frame)
		}
	}
}

func (p *pair) onStored(frame []byte) error {
	n := numberAfter(frame, tempID)
	if n == 0 {
		return fmt.Errorf("%w: no tempMessageId in %s", ErrWrong, frame)
	}
	if (n-1)%len(p.peers) == 0 {
		p.storedFirst.Add(1)
		p.conversation = string(valueOf(frame, convKey))
	}
	p.run.stored.Add(1)
	if p.run.measuring.Load() {
		p.run.storedIn.record(time.Duration(time.Now().UnixNano() - p.sentAt(n)))
	}
	if p.run.stopping.Load() || p.run.cfg.Rate > 0 {
		return nil
	}
	return p.send()
}

func (p *pair) receiveLoop() error {
	buf := make([]byte, 16<<10)
	for {
		frame, err := read(p.to, buf)
		if err != nil {
			return p.run.ended(err)
		}
		if !bytes.HasPrefix(frame, pushT) {
			continue
		}
		n := numberAfter(frame, tempID)
		if n == 0 {
			continue
		}
		user := string(valueOf(frame, fromKey))
		sender := p.run.senders[user]
		if sender == nil {
			return fmt.Errorf("%w: a stranger's message arrived: %s", ErrWrong, frame)
		}
		// A sender goes round its peers, so its messages to this receiver are len(peers) numbers apart.
		if last := p.last[user]; last != 0 && n != last+len(p.peers) || last == 0 && n > len(p.peers) {
			return fmt.Errorf("%w: message %d arrived after %d", ErrWrong, n, last)
		}
		p.last[user] = n
		p.run.delivered.Add(1)
		if p.run.measuring.Load() {
			p.run.reachedIn.record(time.Duration(time.Now().UnixNano() - sender.sentAt(n)))
		}
	}
}
