package load

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/gochat/gochat/tests/client"
)

// fleet has all pairs of a run.
type fleet struct {
	run   *run
	pairs []*pair
	loops *errgroup.Group
}

// pairs measures pairs of a sender and a receiver.
func pairs(ctx context.Context, t *test) error {
	f, talking, err := setSail(ctx, t, t.cfg)
	if err != nil {
		return err
	}
	err = t.each(talking, func(ctx context.Context, r *Report) error {
		r.Pairs, r.Conversations = t.cfg.Pairs, t.cfg.Pairs*t.cfg.Peers
		return f.run.measure(ctx, t, r)
	})
	if err = f.run.end(err, f.loops, f.close); err != nil {
		return err
	}
	t.told.say("checking the histories…")
	return f.check(ctx, t.results.Runs)
}

// setSail makes the pairs and lets them send until run.end. The returned context ends when one of them fails.
func setSail(ctx context.Context, t *test, cfg Config) (*fleet, context.Context, error) {
	f, err := setUp(ctx, cfg, t)
	if err != nil {
		return nil, nil, err
	}
	f.loops, ctx = errgroup.WithContext(ctx)
	for i, one := range f.pairs {
		f.loops.Go(one.sendLoop)
		f.loops.Go(one.receiveLoop)
		if cfg.Rate > 0 {
			f.loops.Go(func() error { return one.pace(ctx, i) })
		}
	}
	if err := f.round(ctx, t.told); err != nil {
		return nil, nil, f.run.end(err, f.loops, f.close)
	}
	return f, ctx, nil
}

func setUp(ctx context.Context, cfg Config, t *test) (*fleet, error) {
	f := &fleet{run: newRun(cfg), pairs: make([]*pair, cfg.Pairs)}
	accounts, err := register(ctx, t, "load", 2*cfg.Pairs)
	if err != nil {
		return nil, err
	}
	for i := range f.pairs {
		one, other := accounts[2*i], accounts[2*i+1]
		one.Server, other.Server = t.servers[i%len(t.servers)], t.servers[(i+1)%len(t.servers)]
		f.pairs[i] = &pair{run: f.run, sender: one, receiver: other, last: map[string]int{}}
	}
	if err := openAll(ctx, t, len(accounts), func(ctx context.Context, i int) error { return f.pairs[i/2].open(ctx, i%2 == 0) }); err != nil {
		f.close()
		return nil, err
	}
	f.introduce()
	return f, nil
}

// introduce gives every pair its peers, and the run the pair of each sender.
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

// round waits until every sender has sent to each of its peers: the first message to a peer
// makes the conversation, which is not to be measured.
func (f *fleet) round(ctx context.Context, told *teller) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for n := 0; ; n++ {
		made := 0
		for _, p := range f.pairs {
			if p.storedFirst.Load() > 1 {
				made++
			}
		}
		if made == len(f.pairs) {
			return nil
		}
		if n%10 == 9 {
			told.say("making %d conversations: %d messages so far…", len(f.pairs)*f.run.cfg.Peers, f.run.stored.Load())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
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

// checked bounds the pairs whose histories are read after the runs.
const checked = 20

// check reads histories with the first peer: they must be whole, in order, and have every message that was stored.
func (f *fleet) check(ctx context.Context, runs []*Report) error {
	pairs, messages := 0, 0
	for _, p := range f.pairs[:min(checked, len(f.pairs))] {
		n := 0
		err := p.receiver.EachMessage(ctx, p.conversation, 0, func(m client.Message) error {
			n++
			if m.SeqID != uint64(n) || m.TempMessageID != "n"+strconv.Itoa(1+(n-1)*len(p.peers)) {
				return fmt.Errorf("%w: message %d of %s has seqId %d and tempMessageId %s", ErrWrong, n, p.conversation, m.SeqID, m.TempMessageID)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the history of a pair: %w", err)
		}
		if stored := p.storedFirst.Load(); int64(n) < stored {
			return fmt.Errorf("%w: %d messages were stored and %d are in history", ErrWrong, stored, n)
		}
		pairs++
		messages += n
	}
	for _, r := range runs {
		r.CheckedPairs, r.CheckedMessages = pairs, messages
	}
	return nil
}
