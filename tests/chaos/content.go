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
	// contentMax is how large a content may be.
	contentMax = 8192
	// largeEvery is how seldom a talker says something large. It is a prime, so that all its
	// targets get that.
	largeEvery = 61
)

// content is the n-th thing that a talker says. Now and then it is as large as it may be:
// text, or a character that some encoders of JSON make six times as large.
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

// angles is the content that grows most where it is encoded without care.
func angles(int, string) string { return strings.Repeat("<", contentMax) }

// frame is a send as a client writes it.
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

// brief is a message as it is logged: of a large content its digest, so that a long run
// fits into memory, and every byte still counts.
func brief(m client.Message) client.Message {
	if len(m.Content) > 2*sha256.Size {
		sum := sha256.Sum256([]byte(m.Content))
		m.Content = hex.EncodeToString(sum[:])
	}
	return m
}

// Cry says n of the heaviest things to one target at once, however many sends have no outcome
// yet. Little else is begun until they have theirs.
func (t *Talker) Cry(to Target, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range n {
		t.begin(to, angles).cried = true
	}
}

// Crying is how many sends of Cry have no outcome yet, and how many of them the server has
// not even accepted.
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
