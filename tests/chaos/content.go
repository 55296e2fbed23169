package chaos

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/gochat/gochat/tests/client"
)

const (
	// contentMax is the default of limits.content_max, in bytes.
	contentMax = 8192
	// largeEvery: of so many sends of a talker one is large and one is of angles. It is a prime, so that
	// these sends go to all targets in turn.
	largeEvery = 61
)

// content returns the content of a talker's n-th send. Some have contentMax bytes: text, or
// the characters of angles.
func content(n int, id string) string {
	text := "message " + id
	switch n % largeEvery {
	case largeEvery / 4:
		return text + strings.Repeat(" and so on", contentMax)[:contentMax-len(text)]
	case largeEvery / 2:
		return angles(n, id)
	}
	return text
}

// angles returns contentMax bytes of "<", which a JSON encoder that escapes HTML makes six times as large.
func angles(int, string) string { return strings.Repeat("<", contentMax) }

// frame returns a send-message frame.
func frame(to Target, id, content string) []byte {
	data := map[string]string{"content": content, "messageType": "text", "tempMessageId": id}
	if to.ReceiverID != "" {
		data["receiverId"] = to.ReceiverID
	} else {
		data["conversationId"] = to.ConversationID
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(map[string]any{"type": "send-message", "data": data}) // maps of strings always encode
	return bytes.TrimSpace(out.Bytes())
}

// brief returns m for the log: a large content is replaced by its SHA-256, so that a long run
// fits into memory and contents can still be compared.
func brief(m client.Message) client.Message {
	if len(m.Content) > 2*sha256.Size {
		sum := sha256.Sum256([]byte(m.Content))
		m.Content = hex.EncodeToString(sum[:])
	}
	return m
}

// Cry begins n sends of angles to one target at once, beyond InFlight. Until most of them have an
// outcome, Run begins no other sends.
func (t *Talker) Cry(to Target, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range n {
		t.begin(to, angles).cried = true
	}
}

// Crying returns how many sends of Cry have no outcome yet, and how many of these are not
// accepted either.
func (t *Talker) Crying() (pending, unaccepted int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.pending {
		if s.cried {
			pending++
			if !s.accepted {
				unaccepted++
			}
		}
	}
	return pending, unaccepted
}

func (t *Talker) accepted(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.pending[id]; s != nil {
		s.accepted = true
	}
}
