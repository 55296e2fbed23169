package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gochat/gochat/deploy/client"
)

// Talker is a well-behaved client: it resends what has no outcome with the same
// key, pulls what it misses, comes back after every close, and logs all of it.
type Talker struct {
	Account *client.Account
	Log     Log
	// To are the users and conversations that it talks to.
	To []Target
	// InFlight is how many sends may be without an outcome.
	InFlight int

	mu      sync.Mutex
	pending map[string][]byte // tempMessageId → frame
	have    map[string]map[uint64]bool
	last    map[string]uint64 // newest number of each conversation
	sent    int
	closes  []string // reasons of the closes that it saw
	talking bool
}

// Target is a receiver or a conversation.
type Target struct{ ReceiverID, ConversationID string }

// NewTalker returns a client that talks once it runs.
func NewTalker(a *client.Account, to []Target) *Talker {
	return &Talker{
		Account: a, To: to, InFlight: 4, talking: true,
		pending: map[string][]byte{}, have: map[string]map[uint64]bool{}, last: map[string]uint64{},
	}
}

// Run talks until ctx is done.
func (t *Talker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := t.session(ctx); err != nil {
			t.sawClose(err)
		}
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

// session is one connection: hello, sync, resend, talk.
func (t *Talker) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := t.Account.Dial(ctx, &websocket.Dialer{HandshakeTimeout: 5 * time.Second}, "")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, _, err := conn.ReadMessage(); err != nil { // hello
		return err
	}
	for _, frame := range t.unfinished() {
		if err := conn.WriteMessage(websocket.TextMessage, frame); err != nil {
			return err
		}
	}
	if err := t.Sync(ctx); err != nil {
		return err
	}
	if err := t.fill(conn); err != nil {
		return err
	}
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		t.on(data)
		if err := t.fill(conn); err != nil {
			return err
		}
	}
}

func (t *Talker) unfinished() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	frames := make([][]byte, 0, len(t.pending))
	for _, f := range t.pending {
		frames = append(frames, f)
	}
	return frames
}

// fill sends until InFlight are on the way.
func (t *Talker) fill(conn *websocket.Conn) error {
	for {
		frame := t.nextFrame()
		if frame == nil {
			return nil
		}
		if err := conn.WriteMessage(websocket.TextMessage, frame); err != nil {
			return err
		}
	}
}

func (t *Talker) nextFrame() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.talking || len(t.pending) >= t.InFlight || len(t.To) == 0 {
		return nil
	}
	t.sent++
	id := t.Account.Name + "-" + strconv.Itoa(t.sent)
	target := t.To[t.sent%len(t.To)]
	data := map[string]string{"content": "message " + id, "messageType": "text", "tempMessageId": id}
	if target.ReceiverID != "" {
		data["receiverId"] = target.ReceiverID
	} else {
		data["conversationId"] = target.ConversationID
	}
	frame, _ := json.Marshal(map[string]any{"type": "send-message", "data": data}) // maps of strings always encode
	t.pending[id] = frame
	t.Log.Add(Event{Kind: Invoked, Client: t.Account.UserID, TempID: id})
	return frame
}

// on handles one frame of the server.
func (t *Talker) on(data []byte) {
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
	delete(t.pending, id)
}

// got remembers that a message is here; each is logged once.
func (t *Talker) got(m client.Message, received bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
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

// Sync pulls everything that is missing: what is beyond the last number without a
// gap before it.
func (t *Talker) Sync(ctx context.Context) error {
	for {
		t.mu.Lock()
		have := make(map[string]uint64, len(t.last))
		for c, seq := range t.last {
			have[c] = seq
		}
		t.mu.Unlock()
		have["world"] = t.lastOf("world")
		var out struct {
			Conversations []struct {
				Messages []client.Message `json:"messages"`
				HasMore  bool             `json:"hasMore"`
			} `json:"conversations"`
			More bool `json:"more"`
		}
		body := map[string]any{"conversations": have, "limit": 200}
		if err := t.Account.Call(ctx, http.MethodPost, "/api/sync", body, &out); err != nil {
			return err
		}
		again := out.More
		for _, c := range out.Conversations {
			again = again || c.HasMore
			for _, m := range c.Messages {
				t.got(m, m.SenderID != t.Account.UserID || !t.knows(m))
			}
		}
		if !again {
			return nil
		}
	}
}

func (t *Talker) lastOf(conv string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[conv]
}

// knows: the talker has this number already.
func (t *Talker) knows(m client.Message) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.have[m.ConversationID][m.SeqID]
}

// RetryAfter reads the delay out of a close reason.
func RetryAfter(reason string) (time.Duration, bool) {
	_, ms, found := strings.Cut(reason, "retry-after-ms=")
	n, err := strconv.Atoi(ms)
	return time.Duration(n) * time.Millisecond, found && err == nil
}
