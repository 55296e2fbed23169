package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	conn, _, err := dial(t, "/ws", http.Header{"Authorization": {"Bearer " + u.token}})
	require.NoError(t, err)
	u.attach(conn)
	conn, resp, err := dial(t, "/ws", http.Header{"Sec-Websocket-Protocol": {"gochat.v1, " + u.token}})
	require.NoError(t, err)
	assert.Equal(t, "gochat.v1", resp.Header.Get("Sec-WebSocket-Protocol"))
	u.attach(conn)
	u.open("")

	for name, c := range map[string]struct {
		path   string
		header http.Header
		status int
	}{
		"no token":         {"/ws", nil, 401},
		"a bad token":      {"/ws?token=x.y.z", nil, 401},
		"a foreign origin": {"/ws?token=" + u.token, http.Header{"Origin": {"https://evil.example"}}, 403},
		"a long device id": {"/ws?token=" + u.token + "&deviceId=" + long(65), nil, 400},
	} {
		_, resp, err := dial(t, c.path, c.header)
		require.Error(t, err, name)
		require.NotNil(t, resp, name)
		assert.Equal(t, c.status, resp.StatusCode, name)
	}
}

func TestMessagesReachEveryone(t *testing.T) {
	t.Parallel()
	a, b := newUser(t), newUser(t)
	phone, laptop, peer := a.open("phone"), a.open("laptop"), b.open("")
	phone.send("send-message", text(obj{"receiverId": b.id}, "hello ☃", "m-1"))
	ack := phone.next("message-ack")
	assert.Equal(t, obj{"tempMessageId": "m-1", "messageId": "m-1", "status": "accepted"}, ack)
	stored := phone.next("message-stored")
	assert.EqualValues(t, 1, stored["seqId"])
	for name, s := range map[string]*socket{"the peer": peer, "the own other socket": laptop} {
		push := s.next("new-message")
		for _, k := range []string{"messageId", "conversationId", "seqId", "timestamp"} {
			assert.Equal(t, stored[k], push[k], "%s: %s", name, k)
		}
		assert.Equal(t, "hello ☃", push["content"])
		assert.Equal(t, a.id, push["senderId"])
	}
	phone.nothing("new-message")

	conv := stored["conversationId"].(string)
	peer.send("read", obj{"conversationId": conv, "seqId": 1})
	assert.Equal(t, obj{"conversationId": conv, "userId": b.id, "readSeq": 1.0}, phone.next("read"))
	peer.send("typing", obj{"conversationId": conv})
	assert.Equal(t, obj{"conversationId": conv, "userId": b.id}, phone.next("typing"))
	b.say(obj{"conversationId": conv}, "by HTTP", "h-1")
	assert.Equal(t, "by HTTP", phone.next("new-message")["content"])
	assert.Equal(t, "by HTTP", peer.next("new-message")["content"], "a send by HTTP has no socket to leave out")
}

func TestResendsGetTheSameIds(t *testing.T) {
	t.Parallel()
	a, b := newUser(t), newUser(t)
	one, two := a.open(""), a.open("")
	var wg sync.WaitGroup
	for _, s := range []*socket{one, two} {
		wg.Go(func() {
			for range 25 {
				s.send("send-message", text(obj{"receiverId": b.id}, "again", "same"))
			}
		})
	}
	wg.Wait()
	ids := map[string]bool{}
	for _, s := range []*socket{one, two} {
		for range 25 {
			stored := s.next("message-stored")
			ids[fmt.Sprint(stored["messageId"], stored["seqId"])] = true
		}
	}
	assert.Len(t, ids, 1)
	conv := b.chatWith(a)
	assert.EqualValues(t, 1, b.get("/api/conversations/" + conv).Body["lastSeq"])
}

func TestWorldReachesStrangers(t *testing.T) {
	t.Parallel()
	a, b := newUser(t), newUser(t)
	sender, other := a.open(""), b.open("")
	other.world.Store(true)
	sender.send("send-message", text(obj{"conversationId": "world"}, "to all from "+a.name, "w"))
	sender.next("message-stored")
	for other.next("new-message")["content"] != "to all from "+a.name {
		continue // other tests send to world, too
	}
}

func TestOutsidersGetNothing(t *testing.T) {
	t.Parallel()
	a, b, outsider := newUser(t), newUser(t), newUser(t)
	conv := a.chatWith(b)
	s := outsider.open("")
	s.send("send-message", text(obj{"conversationId": conv}, "let me in", "o-1"))
	rejected := s.next("message-rejected")
	assert.Equal(t, "o-1", rejected["tempMessageId"])
	assert.Equal(t, "not_found", rejected["code"])
	s.send("read", obj{"conversationId": conv, "seqId": 1})
	assert.Equal(t, "not_found", s.next("error")["code"])
	a.say(obj{"conversationId": conv}, "secret", "s-1")
	s.nothing("new-message")
	assert.EqualValues(t, 1, a.get("/api/conversations/" + conv).Body["lastSeq"], "the refused message took no number")
}

func TestClosings(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	first := u.open("tablet")
	u.open("tablet")
	first.close(4002)

	flood := u.open("")
	go func() {
		for range 20_000 {
			if flood.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping","data":{}}`)) != nil {
				return
			}
		}
	}()
	assert.Regexp(t, `retry-after-ms=\d+$`, flood.close(4008).Text)

	large := u.open("")
	large.raw(enc(obj{"type": "ping", "data": obj{"x": long(64 << 10)}}))
	large.close(1009)

	last := u.open("")
	require.Equal(t, 204, call(t, "POST", "/api/auth/logout", u.token, nil).Status)
	last.close(4001)
}

// refuses sends a frame and expects the answer that it is wrong; tempID is the one that a rejected message has to have.
func (s *socket) refuses(t *testing.T, name string, raw []byte, tempID string) {
	t.Helper()
	s.raw(raw)
	for {
		select {
		case f, open := <-s.frames:
			require.True(t, open, "%s: the socket closed: %.200s", name, raw)
			if f.Type != "error" && f.Type != "message-rejected" {
				require.NotContains(t, []string{"message-ack", "message-stored"}, f.Type, "%s: %.200s", name, raw)
				continue
			}
			assert.Equal(t, "invalid_argument", f.Data["code"], "%s: %.200s → %v", name, raw, f)
			assert.NotEmpty(t, f.Data["message"], name)
			if f.Type == "message-rejected" {
				assert.Equal(t, tempID, f.Data["tempMessageId"], name)
			}
			return
		case <-time.After(patience):
			require.FailNow(t, "no answer", "%s: %.200s", name, raw)
		}
	}
}

// TestBadFrames: each frame with each field missing, of each wrong type, over its
// limit, not UTF-8 or deeply nested gets the contract's answer and no disconnect,
// and nothing is stored.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	u, peer := newUser(t), newUser(t)
	conv := u.chatWith(peer)
	before := state(t, u, conv)
	s := u.open("")
	bad := func(name string, raw []byte, tempID string) { t.Helper(); s.refuses(t, name, raw, tempID) }
	deep := strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000)
	frames := map[string]form{
		"send-message": {fields: forms(peer, conv)[5].fields},
		"read":         {fields: []field{{"conversationId", conv, true, []any{"", "nonsense"}}, {"seqId", 1, true, []any{-1, 1.5}}}},
		"typing":       {fields: []field{{"conversationId", conv, true, []any{"", "nonsense"}}}},
	}
	wrap := func(kind string, data []byte) []byte {
		return []byte(`{"type":"` + kind + `","data":` + string(data) + `}`)
	}
	for kind, f := range frames {
		for _, one := range f.fields {
			if one.required {
				bad(kind+" without "+one.name, wrap(kind, f.with(one.name, "")), "bad-input")
			}
			for _, raw := range wrongTypes(one.good) {
				bad(kind+": wrong type of "+one.name, wrap(kind, f.with(one.name, raw)), "bad-input")
			}
			for _, v := range one.tooMuch {
				if v == "nonsense" && one.name == "conversationId" {
					continue // an id that no conversation can have: not_found is right as well
				}
				bad(kind+": over the limit of "+one.name, wrap(kind, f.with(one.name, string(enc(v)))), "bad-input")
			}
			bad(kind+": deep "+one.name, wrap(kind, f.with(one.name, deep)), "bad-input")
			if str, isString := one.good.(string); isString {
				bad(kind+": not UTF-8 in "+one.name, wrap(kind, f.with(one.name, "\""+str+"\xff\"")), "bad-input")
			}
		}
	}
	bad("both targets", wrap("send-message", enc(text(obj{"receiverId": peer.id, "conversationId": conv}, "x", "bad-input"))), "bad-input")
	bad("no target", wrap("send-message", enc(text(obj{}, "x", "bad-input"))), "bad-input")
	bad("to oneself", wrap("send-message", enc(text(obj{"receiverId": u.id}, "x", "bad-input"))), "bad-input")
	for name, raw := range map[string]string{
		"empty": "", "no JSON": "hello", "an array": "[]", "null": "null", "cut off": `{"type":`, "no type": `{"data":{}}`, "unknown type": `{"type":"dance","data":{}}`,
		"type is a number": `{"type":1,"data":{}}`, "data is text": `{"type":"ping","data":"x"}`, "garbage behind": `{"type":"ping","data":{}}x`, "deep": deep,
		"not UTF-8": "{\"type\":\"ping\xff\"}",
	} {
		bad(name, []byte(raw), "")
	}
	require.NoError(t, s.conn.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping","data":{}}`)))
	assert.Equal(t, "invalid_argument", s.next("error")["code"], "a binary frame")
	s.nothing("error")
	assert.Equal(t, before, state(t, u, conv), "nothing was stored")
}
