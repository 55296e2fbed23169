package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

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

func pairs(ctx context.Context, cfg Config, servers []*client.Server, r *Report, progress io.Writer) error {
	s := servers[0]
	p, err := setUp(ctx, cfg, servers, progress)
	if err != nil {
		return err
	}
	defer p.close()
	loops, ctx := errgroup.WithContext(ctx)
	for i, one := range p.pairs {
		loops.Go(one.sendLoop)
		loops.Go(one.receiveLoop)
		if cfg.Rate > 0 {
			loops.Go(func() error { return one.pace(ctx, i) })
		}
	}
	if err = p.round(ctx, progress); err == nil {
		err = p.run.measure(ctx, s, r, progress)
	}
	if err = p.run.end(err, loops, p.close); err != nil {
		return err
	}
	return p.check(context.WithoutCancel(ctx), r)
}

type fleet struct {
	run   *run
	pairs []*pair
}

// introduce tells every pair whom it sends to, and who sends.
func (f *fleet) introduce() {
	f.run.senders = map[string]*pair{}
	for i, p := range f.pairs {
		f.run.senders[p.sender.UserID] = p
		for k := range f.run.cfg.Peers {
			peer := f.pairs[(i+k)%len(f.pairs)]
			p.peers = append(p.peers, peer)
			p.heads = append(p.heads, []byte(`{"type":"send-message","data":{"receiverId":"`+peer.receiver.UserID+
				`","messageType":"text","content":"`+strings.Repeat("x", f.run.cfg.Content)+`","tempMessageId":"n`))
		}
	}
}

func (f *fleet) close() {
	for _, p := range f.pairs {
		for _, c := range []*websocket.Conn{p.from, p.to} {
			if c != nil {
				_ = c.Close() // closing twice is harmless
			}
		}
	}
}

func setUp(ctx context.Context, cfg Config, servers []*client.Server, progress io.Writer) (*fleet, error) {
	f := &fleet{run: newRun(cfg), pairs: make([]*pair, cfg.Pairs)}
	prefix := "load" + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-"
	_, _ = fmt.Fprintf(progress, "registering %d users…\n", 2*cfg.Pairs)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range f.pairs {
		group.Go(func() error {
			p, err := newPair(gctx, f.run, servers[i%len(servers)], servers[(i+1)%len(servers)], prefix+strconv.Itoa(i))
			f.pairs[i] = p
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	f.introduce()
	return f, nil
}

func newPair(ctx context.Context, r *run, one, other *client.Server, name string) (p *pair, err error) {
	p = &pair{run: r, last: map[string]int{}}
	if p.sender, err = one.Register(ctx, name+"a", "load-password"); err != nil {
		return nil, err
	}
	if p.receiver, err = other.Register(ctx, name+"b", "load-password"); err != nil {
		return nil, err
	}
	d := &websocket.Dialer{ReadBufferSize: 4096, WriteBufferSize: 4096, HandshakeTimeout: 30 * time.Second}
	if p.from, err = p.sender.Dial(ctx, d, ""); err != nil {
		return nil, err
	}
	if p.to, err = p.receiver.Dial(ctx, d, ""); err != nil {
		return nil, err
	}
	return p, nil
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

// checked is how many pairs' histories are read after a run.
const checked = 20

func (f *fleet) check(ctx context.Context, r *Report) error {
	for _, p := range f.pairs[:min(checked, len(f.pairs))] {
		history, err := p.receiver.History(ctx, p.conversation)
		if err != nil {
			return fmt.Errorf("read the history of a pair: %w", err)
		}
		for i, m := range history {
			if m.SeqID != uint64(i+1) || m.TempMessageID != "n"+strconv.Itoa(1+i*len(p.peers)) {
				return fmt.Errorf("%w: message %d of %s has seqId %d and tempMessageId %s", ErrWrong, i+1, p.conversation, m.SeqID, m.TempMessageID)
			}
		}
		if stored := p.storedFirst.Load(); int64(len(history)) < stored {
			return fmt.Errorf("%w: %d messages were stored and %d are in history", ErrWrong, stored, len(history))
		}
		r.CheckedPairs++
		r.CheckedMessages += len(history)
	}
	return nil
}
