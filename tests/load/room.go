package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/gochat/gochat/tests/client"
)

// addAtOnce is how many members one call adds, the server's default limit.
const addAtOnce = 1000

// sampledEvery is of how many members one measures how long deliveries take: all get the same, and
// the clock costs more than the frame.
const sampledEvery = 64

// room is one group, all of whose members are online and some of whom send.
type room struct {
	run          *run
	members      []*member
	group        string
	conversation string
	hints        atomic.Int64
	skipped      atomic.Int64
}

// member is one member with a socket. Senders have one message on the way at a time.
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
	last      int // the number that arrived last
	delivered atomic.Int64
}

// group measures one group: its first members send, and everything reaches everybody.
func group(ctx context.Context, cfg Config, servers []*client.Server, r *Report, progress io.Writer) error {
	m := &room{run: newRun(cfg)}
	m.run.totals = m.totals
	defer m.close()
	if err := m.open(ctx, servers, progress); err != nil {
		return err
	}
	loops, ctx := errgroup.WithContext(ctx)
	for _, one := range m.members {
		loops.Go(one.loop)
	}
	for _, one := range m.members[:min(cfg.InFlight, len(m.members))] {
		if err := one.send(); err != nil {
			return err
		}
	}
	err := m.run.measure(ctx, servers[0], r, progress)
	if err = m.run.end(err, loops, m.close); err != nil {
		return err
	}
	r.Members, r.SyncHints, r.Skipped = len(m.members), m.hints.Load(), m.skipped.Load()
	r.DeliveryMicros = r.ServerMicrosEach * float64(r.Stored) / float64(max(r.Delivered, 1))
	return m.check(context.WithoutCancel(ctx), r)
}

func (m *room) totals() (stored, delivered int64) {
	for _, one := range m.members {
		delivered += one.delivered.Load()
	}
	return m.run.stored.Load(), delivered
}

func (m *room) close() {
	for _, one := range m.members {
		if one != nil && one.socket != nil {
			one.socket.close()
		}
	}
}

// open registers the members, makes the group and opens the sockets.
func (m *room) open(ctx context.Context, servers []*client.Server, progress io.Writer) error {
	cfg := m.run.cfg
	accounts, err := register(ctx, servers, "room", cfg.Group, progress)
	if err != nil {
		return err
	}
	if err := m.found(ctx, accounts); err != nil {
		return err
	}
	head := []byte(`{"type":"send-message","data":{"conversationId":"` + m.conversation + `","messageType":"text","content":"` +
		strings.Repeat("x", cfg.Content) + `","tempMessageId":"n`)
	m.members = make([]*member, len(accounts))
	_, _ = fmt.Fprintf(progress, "opening %d sockets…\n", len(accounts))
	opening, octx := errgroup.WithContext(ctx)
	opening.SetLimit(32)
	pace := rate.NewLimiter(openPerSecond, 1)
	for i, a := range accounts {
		if err := pace.Wait(octx); err != nil {
			break // the group knows why
		}
		opening.Go(func() error {
			s, err := dial(octx, a, net.IPv4(127, 0, 0, byte(1+i/perSource)))
			m.members[i] = &member{room: m, account: a, socket: s, sends: i < cfg.InFlight, sampled: i%sampledEvery == 0, head: slices.Clone(head)}
			return err
		})
	}
	return opening.Wait()
}

// register makes accounts, those of several servers in turn.
func register(ctx context.Context, servers []*client.Server, what string, n int, progress io.Writer) ([]*client.Account, error) {
	_, _ = fmt.Fprintf(progress, "registering %d users…\n", n)
	accounts, done := make([]*client.Account, n), atomic.Int64{}
	prefix := what + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-"
	registering, gctx := errgroup.WithContext(ctx)
	registering.SetLimit(8)
	for i := range accounts {
		registering.Go(func() (err error) {
			accounts[i], err = servers[i%len(servers)].Register(gctx, prefix+strconv.Itoa(i), "load-password")
			if made := done.Add(1); made%1000 == 0 {
				_, _ = fmt.Fprintf(progress, "  %d of %d users\n", made, n)
			}
			return err
		})
	}
	return accounts, registering.Wait()
}

// found makes the group of all accounts; the first is its owner.
func (m *room) found(ctx context.Context, accounts []*client.Account) error {
	var made struct {
		GroupID        string `json:"groupId"`
		ConversationID string `json:"conversationId"`
	}
	owner := accounts[0]
	if err := owner.Call(ctx, http.MethodPost, "/api/groups", map[string]any{"name": "load", "memberIds": []string{}}, &made); err != nil {
		return fmt.Errorf("make a group: %w", err)
	}
	for some := range slices.Chunk(accounts[1:], addAtOnce) {
		ids := make([]string, len(some))
		for i, a := range some {
			ids[i] = a.UserID
		}
		if err := owner.Call(ctx, http.MethodPost, "/api/groups/"+made.GroupID+"/members", map[string]any{"userIds": ids}, nil); err != nil {
			return fmt.Errorf("add %d members: %w", len(ids), err)
		}
	}
	m.group, m.conversation = made.GroupID, made.ConversationID
	return nil
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
	run.stored.Add(1)
	if run.measuring.Load() {
		run.storedIn.record(time.Since(o.sent))
	}
	if run.stopping.Load() {
		return nil
	}
	return o.send()
}

// onPush counts a delivery and holds it to its order. What a slow socket was not pushed is a hole,
// of which a sync-hint tells; a sender's own messages are holes for it, too.
func (o *member) onPush(frame []byte) error {
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

// check reads the group's history: it must be whole and have everything that was said to be stored.
func (m *room) check(ctx context.Context, r *Report) error {
	history, err := m.members[0].account.History(ctx, m.conversation)
	if err != nil {
		return fmt.Errorf("read the history of the group: %w", err)
	}
	sent := int64(0)
	for i, one := range history {
		if one.SeqID != uint64(i+1) {
			return fmt.Errorf("%w: message %d of the group has seqId %d", ErrWrong, i+1, one.SeqID)
		}
		if one.MessageType == "text" {
			sent++
		}
	}
	if stored := m.run.stored.Load(); sent < stored {
		return fmt.Errorf("%w: %d messages were stored and %d are in history", ErrWrong, stored, sent)
	}
	r.CheckedMessages = len(history)
	return nil
}
