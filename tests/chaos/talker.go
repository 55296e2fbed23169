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

// Talker is a well-behaved client: it resends what has no outcome with the same
// key, pulls what it misses, comes back after every close, and logs all of it.
type Talker struct {
	Account *client.Account
	Log     Log
	// To are the users and conversations that it talks to.
	To []Target
	// Servers are the gateways that it may connect to, in turn; none: the account's.
	Servers []*client.Server
	// InFlight is how many sends may be without an outcome.
	InFlight int
	// Pace is the least time between two sends; 0 is none.
	Pace time.Duration

	mu      sync.Mutex
	pending map[string]*send // by tempMessageId
	have    map[string]map[uint64]bool
	last    map[string]uint64 // newest number of each conversation
	sent    int
	lately  time.Time // of the last new send
	dials   int
	closes  []string // reasons of the closes that it saw
	longest time.Duration
	left    time.Time // when its last socket ended
	ended   int       // sends that had their outcome
	talking bool
	// malformed are frames that are not as the contract's file says.
	malformed []string
}

// send is a message without an outcome.
type send struct {
	frame    []byte
	begun    time.Time // when the client wanted to say it
	at       time.Time // when it was written to a socket last
	accepted bool
	cried    bool // by Cry
}

// Target is a receiver or a conversation.
type Target struct{ ReceiverID, ConversationID string }

// NewTalker returns a client that talks once it runs.
func NewTalker(a *client.Account, to []Target) *Talker {
	return &Talker{
		Account: a, To: to, InFlight: 4, talking: true,
		pending: map[string]*send{}, have: map[string]map[uint64]bool{}, last: map[string]uint64{},
	}
}

// Run talks until ctx is done.
func (t *Talker) Run(ctx context.Context) {
	t.wentAway() // it has none yet
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

// Hush stops new sends; what is pending is still brought to its end.
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

// Pending is how many sends have no outcome yet.
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
	// tick drives sends that wait for their time.
	tick = 20 * time.Millisecond
	// again is after how long a send without an outcome is sent once more.
	again = 4 * time.Second
	// silence is how long a socket may say nothing; pings make a live one speak.
	silence, pingEvery = 10 * time.Second, 3 * time.Second
)

// session is one connection: hello, sync, resend, talk.
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

// elsewhere is the account at the next of its gateways.
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

// speak writes what is to be said until ctx is done. It is the only writer.
func (t *Talker) speak(ctx context.Context, conn *websocket.Conn) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	pinged := time.Now()
	for {
		var frames [][]byte
		for f := t.nextFrame(); f != nil; f = t.nextFrame() {
			frames = append(frames, f)
		}
		frames = append(frames, t.unfinished(again)...)
		if time.Since(pinged) >= pingEvery {
			pinged = time.Now()
			frames = append(frames, []byte(`{"type":"ping"}`))
		}
		if err := t.write(conn, frames); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *Talker) write(conn *websocket.Conn, frames [][]byte) error {
	for _, frame := range frames {
		if err := conn.SetWriteDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		if err := conn.WriteMessage(websocket.TextMessage, frame); err != nil {
			return err
		}
	}
	return nil
}

// unfinished are the sends that were written at least so long ago; they count as
// written now.
func (t *Talker) unfinished(least time.Duration) [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	var frames [][]byte
	now := time.Now()
	for _, s := range t.pending {
		if now.Sub(s.at) >= least {
			s.at = now
			frames = append(frames, s.frame)
		}
	}
	return frames
}

func (t *Talker) nextFrame() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.talking || len(t.pending) >= t.InFlight || len(t.To) == 0 || now.Sub(t.lately) < t.Pace {
		return nil
	}
	t.lately = now
	s := t.begin(t.To[(t.sent+1)%len(t.To)], content)
	s.at = now
	return s.frame
}

// begin makes the next send, and logs it.
func (t *Talker) begin(to Target, content func(n int, id string) string) *send {
	t.sent++
	id := t.Account.Name + "-" + strconv.Itoa(t.sent)
	s := &send{frame: frame(to, id, content(t.sent, id)), begun: time.Now()}
	t.pending[id] = s
	t.Log.Add(Event{Kind: Invoked, Client: t.Account.UserID, TempID: id})
	return s
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

// got remembers that a message is here; each is logged once.
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

// RetryAfter reads the delay out of a close reason.
func RetryAfter(reason string) (time.Duration, bool) {
	_, ms, found := strings.Cut(reason, "retry-after-ms=")
	n, err := strconv.Atoi(ms)
	return time.Duration(n) * time.Millisecond, found && err == nil
}
