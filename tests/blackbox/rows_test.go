package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBadProfiles is the matrix of TestBadBodies for the one body of a PATCH.
func TestBadProfiles(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	before := string(u.get("/api/users/me").Raw)
	f := form{fields: []field{
		{"nickname", "Nick", false, []any{"", long(65), "line\nbreak", "nul\x00"}},
		{"avatarUrl", "https://example.org/a.png", false, []any{"nonsense", "javascript:alert(1)", "https://example.org/" + long(2048)}},
	}}
	for _, one := range f.fields {
		var raws []string
		raws = append(raws, wrongTypes(one.good)...)
		for _, v := range one.tooMuch {
			raws = append(raws, string(enc(v)))
		}
		for _, raw := range raws {
			a := call(t, "PATCH", "/api/users/me", u.token, f.with(one.name, raw))
			if assert.Equal(t, 400, a.Status, "%s: %.100s → %s", one.name, raw, a.Raw) {
				assert.Equal(t, "invalid_argument", a.code())
				assert.NotEmpty(t, a.field(one.name), "%.100s → %s", raw, a.Raw)
			}
		}
	}
	assert.Equal(t, before, string(u.get("/api/users/me").Raw), "a refused patch changes nothing, its good fields neither")
}

// TestBadBytesAndNumbers: each body with null for a required field, with a field twice,
// with NUL bytes, and with numbers that do not fit into an int64.
func TestBadBytesAndNumbers(t *testing.T) {
	t.Parallel()
	u, peer := newUser(t), newUser(t)
	conv := u.chatWith(peer)
	before := state(t, u, conv)
	huge := []string{"9223372036854775808", "18446744073709551616", "1e400", "-9223372036854775809", strings.Repeat("9", 1000)}
	for _, f := range forms(peer, conv) {
		refused := func(what string, body []byte) {
			t.Helper()
			a := call(t, "POST", f.path, u.token, body)
			assert.Equal(t, 400, a.Status, "%s: %s: %.200q → %s", f.path, what, body, a.Raw)
			assert.Equal(t, "invalid_argument", a.code(), "%s: %s", f.path, what)
		}
		for _, one := range f.fields {
			if one.required {
				refused("null "+one.name, f.with(one.name, "null"))
			}
			good := string(enc(one.good))
			refused("twice "+one.name, f.with(one.name, good+`,"`+one.name+`":`+good))
			switch one.good.(type) {
			case string:
				refused("a raw NUL in "+one.name, f.with(one.name, "\"a\x00b\""))
			case int:
				for _, n := range huge {
					refused("huge "+one.name, f.with(one.name, n))
				}
			}
		}
	}
	for _, n := range huge {
		a := u.post("/api/conversations", obj{"peerId": n})
		assert.Equal(t, 400, a.Status, "a huge id %.30s", n)
	}
	for _, conversation := range []string{"", "nonsense", "single_", "SINGLE_0000000000000000", "group_x"} {
		a := u.say(obj{"conversationId": conversation}, "x", "rows-1")
		assert.Contains(t, []int{400, 404}, a.Status, "%q → %s", conversation, a.Raw)
	}
	assert.Equal(t, before, state(t, u, conv), "nothing was stored")
}

// TestReadReachesOwnOtherSockets: the peer and the user's other sockets get a read
// frame, the socket that moved the read position does not.
func TestReadReachesOwnOtherSockets(t *testing.T) {
	t.Parallel()
	a, b := newUser(t), newUser(t)
	conv := a.chatWith(b)
	require.Equal(t, 200, a.say(obj{"receiverId": b.id}, "read me", "r-1").Status)
	phone, laptop, peer := b.open("phone"), b.open("laptop"), a.open("")
	phone.send("read", obj{"conversationId": conv, "seqId": 1})
	want := obj{"conversationId": conv, "userId": b.id, "readSeq": 1.0}
	assert.Equal(t, want, laptop.next("read"))
	assert.Equal(t, want, peer.next("read"))
	phone.nothing("read")
}

// TestTypingIsPassedOnOnceASecond: typing frames of a socket within a second after
// one are not passed on.
func TestTypingIsPassedOnOnceASecond(t *testing.T) {
	t.Parallel()
	a, b := newUser(t), newUser(t)
	conv := a.chatWith(b)
	typist, peer := a.open(""), b.open("")
	for range 5 {
		typist.send("typing", obj{"conversationId": conv})
	}
	typist.send("send-message", text(obj{"conversationId": conv}, "done", "d-1"))
	typing, deadline := 0, time.After(patience)
	for said := false; !said; {
		select {
		case f, open := <-peer.frames:
			require.True(t, open, "the socket closed")
			if f.Type == "typing" {
				typing++
			}
			said = f.Type == "new-message"
		case <-deadline:
			require.FailNow(t, "no message")
		}
	}
	assert.LessOrEqual(t, typing, 2, "five within a moment, which may cross one second's border")
}

// TestConcurrentResends: fifty sends of one tempMessageId at once, by sockets and
// by HTTP, are one message.
func TestConcurrentResends(t *testing.T) {
	t.Parallel()
	a, b := newUser(t), newUser(t)
	sockets := []*socket{a.open(""), a.open(""), a.open(""), a.open(""), a.open("")}
	var wg sync.WaitGroup
	ids := make([]string, 50)
	for i := range 25 {
		wg.Go(func() {
			stored := a.say(obj{"receiverId": b.id}, "at once", "same")
			ids[i] = fmt.Sprint(stored.Body["messageId"], stored.Body["seqId"])
		})
	}
	for n, s := range sockets {
		wg.Go(func() {
			for range 5 {
				s.send("send-message", text(obj{"receiverId": b.id}, "at once", "same"))
			}
			for i := range 5 {
				stored := s.next("message-stored")
				ids[25+5*n+i] = fmt.Sprint(stored["messageId"], stored["seqId"])
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		assert.Equal(t, ids[0], id)
	}
	page := b.get("/api/conversations/" + b.chatWith(a) + "/messages")
	assert.Len(t, page.Body["messages"], 1)
}

// TestRefusedHandshakesAreExplained: a refused upgrade has the contract's error.
func TestRefusedHandshakesAreExplained(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for name, c := range map[string]struct {
		token, origin, code string
		status              int
	}{
		"a bad token":      {"x.y.z", "", "unauthenticated", 401},
		"a foreign origin": {u.token, "https://evil.example", "permission_denied", 403},
	} {
		header := http.Header{"Authorization": {"Bearer " + c.token}}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		_, resp, err := dial(t, "/ws", header)
		require.Error(t, err, name)
		require.NotNil(t, resp, name)
		assert.Equal(t, c.status, resp.StatusCode, name)
		assert.NotEmpty(t, resp.Header.Get("X-Trace-Id"), name)
		body := make([]byte, 1024)
		n, _ := resp.Body.Read(body) // the dialer keeps the beginning of the body
		assert.Contains(t, string(body[:n]), `"`+c.code+`"`, name)
	}
}
