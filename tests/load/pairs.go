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

// ringSize is how many send times a pair remembers.
const ringSize = 1024

// pair is one sender and one receiver.
type pair struct {
	run              *run
	sender, receiver *client.Account
	from, to         *websocket.Conn
	// peers are those whose receivers it sends to in turn, itself first; heads are the
	// beginnings of the frames to them, up to the number.
	peers        []*pair
	heads        [][]byte
	frame        []byte
	next         int
	sent         [ringSize]atomic.Int64 // Unix ns by number
	storedFirst  atomic.Int64           // of what was sent to the first peer
	conversation string                 // with the first peer
	// last is the number that arrived last from each sender, by its user id.
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

// pace sends at the pair's share of the rate, however long answers take, until the run stops. A
// message's time begins when it was due: what a slow server holds up is not left out of the
// latencies (coordinated omission).
func (p *pair) pace(ctx context.Context, i int) error {
	cfg := p.run.cfg
	every := time.Duration(float64(time.Second) * float64(cfg.Pairs) / cfg.Rate)
	due := time.Now().Add(every * time.Duration(i) / time.Duration(cfg.Pairs))
	for !p.run.stopping.Load() {
		if err := pause(ctx, time.Until(due)); err != nil {
			return nil //nolint:nilerr // the run ends, and whoever ended it says why
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

// sendDue writes the next message, which was to be sent at a time.
func (p *pair) sendDue(due time.Time) error {
	head := p.heads[p.next%len(p.heads)]
	p.next++
	p.frame = append(strconv.AppendInt(append(p.frame[:0], head...), int64(p.next), 10), frameTail...)
	p.sent[p.next%ringSize].Store(due.UnixNano())
	return p.from.WriteMessage(websocket.TextMessage, p.frame)
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
		p.run.storedIn.record(time.Duration(time.Now().UnixNano() - p.sent[n%ringSize].Load()))
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
		// Of each sender come its messages to this receiver, one after the other.
		if last := p.last[user]; last != 0 && n != last+len(p.peers) || last == 0 && n > len(p.peers) {
			return fmt.Errorf("%w: message %d arrived after %d", ErrWrong, n, last)
		}
		p.last[user] = n
		p.run.delivered.Add(1)
		if p.run.measuring.Load() {
			p.run.reachedIn.record(time.Duration(time.Now().UnixNano() - sender.sent[n%ringSize].Load()))
		}
	}
}
