package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/tests/client"
)

// Talker is a client that keeps to the contract: it repeats a send without an outcome
// with the same tempMessageId, pulls missing messages, reconnects after every close, and
// logs every event. Set the exported fields before Run; the methods are safe for
// concurrent use.
type Talker struct {
	Account *client.Account
	Log     Log
	// To are the users and conversations that it sends to, in turn.
	To []Target
	// Servers are the gateways that it connects to, in turn; empty: that of Account.
	Servers []*client.Server
	// InFlight bounds the sends without an outcome.
	InFlight int
	// Pace is the shortest time between two sends; 0: no limit.
	Pace time.Duration

	mu      sync.Mutex
	pending map[string]*send // by tempMessageId
	have    map[string]map[uint64]bool
	last    map[string]uint64 // newest number of each conversation
	sent    int
	lately  time.Time // time of the last new send
	dials   int
	closes  []string // reasons of the closes that it saw
	longest time.Duration
	left    time.Time // when its last socket ended; zero while it has one
	ended   int       // sends that had their outcome
	talking bool
	// malformed are the errors of frames that violate asyncapi.yaml.
	malformed []string
}

// send is a message without an outcome.
type send struct {
	frame    []byte
	begun    time.Time // when the client made the send
	at       time.Time // when it was last written to a socket
	accepted bool
	cried    bool // by Cry
}

// Target is a user or a conversation to send to; one of the fields is set.
type Target struct{ ReceiverID, ConversationID string }

// NewTalker returns a talker that sends to the targets once it runs, with 4 sends in flight.
func NewTalker(a *client.Account, to []Target) *Talker {
	return &Talker{
		Account: a, To: to, InFlight: 4, talking: true,
		pending: map[string]*send{}, have: map[string]map[uint64]bool{}, last: map[string]uint64{},
	}
}

// Run connects and sends until ctx is done.
func (t *Talker) Run(ctx context.Context) {
	t.wentAway() // there is no socket yet
	defer t.waitsNoLonger()
	for ctx.Err() == nil {
		if err := t.session(ctx); err != nil {
			t.sawClose(err)
		}
		t.wentAway()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(10+rand.IntN(50)) * time.Millisecond): //nolint:gosec // jitter
		}
	}
}

// Hush stops new sends; those without an outcome are still repeated until they have one.
func (t *Talker) Hush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.talking = false
}

// Speak ends a Hush.
func (t *Talker) Speak() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.talking = true
}

// Pending returns the number of sends without an outcome.
func (t *Talker) Pending() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending)
}

// Closes returns the reasons of the closes so far.
func (t *Talker) Closes() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.closes...)
}

func (t *Talker) sawClose(err error) {
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		t.mu.Lock()
		t.closes = append(t.closes, fmt.Sprintf("%d %s", closed.Code, closed.Text))
		t.mu.Unlock()
	}
}

const (
	// tick is the time between two looks for frames to write.
	tick = 20 * time.Millisecond
	// again is the time after which a send without an outcome is repeated.
	again = 4 * time.Second
	// silence is the time without a frame after which a socket counts as dead; the answers to pings keep a live
	// one from it.
	silence, pingEvery = 10 * time.Second, 3 * time.Second
)

// session opens one socket, reads hello, repeats the sends without an outcome, pulls, and then talks until the
// socket ends.
func (t *Talker) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	account := t.elsewhere()
	conn, err := account.Dial(ctx, &websocket.Dialer{HandshakeTimeout: 5 * time.Second}, "")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	_, hello, err := conn.ReadMessage()
	if err != nil {
		return err
	}
	t.judge(hello)
	if err := t.write(conn, t.unfinished(0)); err != nil {
		return err
	}
	if err := t.sync(ctx, account); err != nil {
		return err
	}
	t.cameBack()
	var speaking sync.WaitGroup
	defer speaking.Wait()
	speaking.Go(func() {
		if err := t.speak(ctx, conn); err != nil {
			cancel() // closes the socket, which ends the reading
		}
	})
	defer cancel()
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		_, data, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		t.on(data)
	}
}

// elsewhere returns the account at the next of Servers.
func (t *Talker) elsewhere() *client.Account {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := *t.Account
	if len(t.Servers) > 0 {
		a.Server = t.Servers[t.dials%len(t.Servers)]
	}
	t.dials++
	return &a
}

// on handles one frame of the server.
func (t *Talker) on(data []byte) {
	t.judge(data)
	var f struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	var m client.Message
	if json.Unmarshal(data, &f) != nil || json.Unmarshal(f.Data, &m) != nil {
		return
	}
	switch f.Type {
	case "message-ack":
		t.accepted(m.TempMessageID)
		t.Log.Add(Event{Kind: Accepted, Client: t.Account.UserID, TempID: m.TempMessageID})
	case "message-stored":
		t.Log.Add(Event{Kind: Stored, Client: t.Account.UserID, TempID: m.TempMessageID, Message: m})
		t.finish(m.TempMessageID)
		t.got(m, false)
	case "message-rejected":
		t.Log.Add(Event{Kind: Rejected, Client: t.Account.UserID, TempID: m.TempMessageID})
		t.finish(m.TempMessageID)
	case "new-message":
		t.got(m, true)
	}
}

func (t *Talker) finish(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.pending[id]; s != nil {
		t.longest = max(t.longest, time.Since(s.begun))
		t.ended++
	}
	delete(t.pending, id)
}

// got records that the talker has a message; a received one is logged the first time.
func (t *Talker) got(m client.Message, received bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m = brief(m)
	seqs := t.have[m.ConversationID]
	if seqs == nil {
		seqs = map[uint64]bool{}
		t.have[m.ConversationID] = seqs
	}
	if !seqs[m.SeqID] && received {
		t.Log.Add(Event{Kind: Received, Client: t.Account.UserID, Message: m})
	}
	seqs[m.SeqID] = true
	for seqs[t.last[m.ConversationID]+1] {
		t.last[m.ConversationID]++
	}
}

// RetryAfter returns the delay of a close reason with retry-after-ms, and whether there is one.
func RetryAfter(reason string) (time.Duration, bool) {
	_, ms, found := strings.Cut(reason, "retry-after-ms=")
	n, err := strconv.Atoi(ms)
	return time.Duration(n) * time.Millisecond, found && err == nil
}
