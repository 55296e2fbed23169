package load

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gochat/gochat/tests/client"
)

// sampledEvery: one of so many members measures the latency of deliveries. All members get the same
// messages, and reading the clock costs more than reading the frame.
const sampledEvery = 64

// room is one conversation. All its members are online, and some of them send.
type room struct {
	run          *run
	members      []*member
	conversation string
	before       uint64 // the last number before this test
	stored       atomic.Int64
	hints        atomic.Int64
	skipped      atomic.Int64
}

// member is a member with a socket. A sender has one message in flight at a time.
type member struct {
	room      *room
	account   *client.Account
	socket    *socket
	sends     bool
	sampled   bool
	head      []byte
	frame     []byte
	n         int
	sent      time.Time
	last      int // sequence number of the last message that was pushed
	delivered atomic.Int64
}

// senders returns the members who send: all of them when the room has fewer than InFlight.
func (m *room) senders() []*member {
	for i, one := range m.members {
		if !one.sends {
			return m.members[:i]
		}
	}
	return m.members
}

func (o *member) open(ctx context.Context, address int) (err error) {
	o.socket, err = dial(ctx, o.account, dialing{from: source(o.account.Server, address)})
	return err
}

// send writes the member's next message.
func (o *member) send() error {
	o.n++
	o.frame = append(strconv.AppendInt(append(o.frame[:0], o.head...), int64(o.n), 10), frameTail...)
	o.sent = time.Now()
	return o.socket.send(o.frame)
}

// loop reads until the socket ends.
func (o *member) loop() error {
	run := o.room.run
	for {
		frame, err := o.socket.next()
		if err != nil {
			return run.ended(err)
		}
		switch {
		case bytes.HasPrefix(frame, pushT):
			err = o.onPush(frame)
		case bytes.HasPrefix(frame, storedT):
			err = o.onStored()
		case bytes.HasPrefix(frame, hintT):
			o.room.hints.Add(1)
		case refused(frame):
			err = fmt.Errorf("%w: a send was refused: %s", ErrWrong, frame)
		}
		if err != nil {
			return err
		}
	}
}

func (o *member) onStored() error {
	run := o.room.run
	n := run.stored.Add(1)
	o.room.stored.Add(1)
	if run.measuring.Load() {
		run.storedIn.record(time.Since(o.sent))
	}
	if run.stopping.Load() || run.most > 0 && n >= run.most {
		return nil
	}
	return o.send()
}

// onPush counts a delivery and checks that sequence numbers grow. Gaps are allowed: a slow socket gets a sync-hint
// instead of pushes, and a sender is not pushed its own messages. Pushes of other conversations are ignored, since other
// users may send to world.
func (o *member) onPush(frame []byte) error {
	if string(valueOf(frame, convKey)) != o.room.conversation {
		return nil
	}
	seq := numberAfter(frame, seqKey)
	if seq <= o.last {
		return fmt.Errorf("%w: message %d arrived after %d", ErrWrong, seq, o.last)
	}
	if !o.sends && o.last != 0 && seq != o.last+1 {
		o.room.skipped.Add(int64(seq - o.last - 1))
	}
	o.last = seq
	o.delivered.Add(1)
	if o.sampled && o.room.run.measuring.Load() {
		accepted := time.UnixMilli(int64(numberAfter(frame, timeKey)))
		o.room.run.reachedIn.record(time.Since(accepted))
	}
	return nil
}

// check reads the room's history after before: it must be whole and have every message that was stored.
func (m *room) check(ctx context.Context) (messages int, err error) {
	sent, last := int64(0), m.before
	err = m.members[0].account.EachMessage(ctx, m.conversation, m.before, func(one client.Message) error {
		if one.SeqID != last+1 {
			return fmt.Errorf("%w: after message %d of %s comes %d", ErrWrong, last, m.conversation, one.SeqID)
		}
		last++
		messages++
		if one.MessageType == "text" {
			sent++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read the history of a room: %w", err)
	}
	if stored := m.stored.Load(); sent < stored {
		return 0, fmt.Errorf("%w: %d messages were stored and %d are in history", ErrWrong, stored, sent)
	}
	return messages, nil
}
