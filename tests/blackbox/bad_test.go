package blackbox

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// field describes one field of a body, for the matrix of what can be wrong.
type field struct {
	name     string
	good     any
	required bool
	// tooMuch are values over a limit or outside the form.
	tooMuch []any
}

type form struct {
	path   string
	fields []field
}

func long(n int) string { return strings.Repeat("x", n) }

// forms describes every body of the contract; the matrix is made from it.
func forms(peer *user, conv string) []form {
	send := []field{
		{"receiverId", peer.id, false, []any{"0", "-5", "word", "99999999999999999999"}},
		{"content", "hello", true, []any{"", long(8193)}},
		{"messageType", "text", true, []any{"", "system", "nonsense"}},
		{"tempMessageId", "bad-input", true, []any{"", long(65), "with space", "ü"}},
	}
	return []form{
		{"/api/auth/register", []field{
			{"username", "nobody-yet", true, []any{"", "ab", long(33), "with space", "ümlaut"}},
			{"password", "a password", true, []any{"", "1234567", long(73), strings.Repeat("ü", 37)}},
			{"nickname", "Nick", false, []any{"", long(65), "line\nbreak"}},
		}},
		{"/api/auth/login", []field{{"username", "nobody-yet", true, nil}, {"password", "a password", true, nil}}},
		{"/api/conversations", []field{{"peerId", peer.id, true, []any{"", "0", "-5", "word", "99999999999999999999"}}}},
		{"/api/conversations/" + conv + "/read", []field{{"seqId", 1, true, []any{-1, 1.5, 1e30}}}},
		{"/api/sync", []field{
			{"conversations", obj{conv: 0}, true, []any{obj{"nonsense": "1"}, obj{conv: -1}, obj{conv: "1"}}},
			{"limit", 10, false, []any{-1, 201, 1.5}},
			{"epoch", "another", false, []any{long(65)}},
		}},
		{"/api/messages", send},
	}
}

// wrongTypes returns JSON values of every type except for that of the good value.
func wrongTypes(good any) []string {
	all := map[string]string{"string": `"text"`, "number": "12", "bool": "true", "array": "[1]", "object": `{"a":1}`, "null": "null"}
	switch good.(type) {
	case string:
		delete(all, "string")
	case int:
		delete(all, "number")
	case obj:
		delete(all, "object")
	}
	var out []string
	for kind, v := range all {
		if kind != "null" {
			out = append(out, v)
		}
	}
	return out
}

// with returns the good body with another value for a field, or without the field.
func (f form) with(name, raw string) []byte {
	var parts []string
	for _, one := range f.fields {
		if one.name != name {
			parts = append(parts, fmt.Sprintf("%q:%s", one.name, enc(one.good)))
		} else if raw != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", one.name, raw))
		}
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

// TestBadBodies: each body with each field missing, of each wrong type, over its
// limit, not UTF-8, nested 10,000 deep, and whole bodies that are no JSON object.
// Each gets invalid_argument that names the field, and nothing is stored.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	u, peer := newUser(t), newUser(t)
	conv := u.chatWith(peer)
	before := state(t, u, conv)
	deep := strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000)
	for _, f := range forms(peer, conv) {
		bad := func(name string, body []byte, fieldName string) {
			t.Helper()
			a := call(t, "POST", f.path, u.token, body)
			if !assert.Equal(t, 400, a.Status, "%s: %s: %.200s → %s", f.path, name, body, a.Raw) {
				return
			}
			assert.Equal(t, "invalid_argument", a.code(), "%s: %s", f.path, name)
			if fieldName != "" {
				assert.NotEmpty(t, a.field(fieldName), "%s: %s names the field: %s", f.path, name, a.Raw)
			}
		}
		for _, one := range f.fields {
			if one.required {
				bad("missing "+one.name, f.with(one.name, ""), one.name)
			}
			for _, raw := range wrongTypes(one.good) {
				bad("wrong type", f.with(one.name, raw), one.name)
			}
			for _, v := range one.tooMuch {
				bad("over the limit", f.with(one.name, string(enc(v))), one.name)
			}
			bad("nested 10,000 deep in "+one.name, f.with(one.name, deep), "")
			if s, isString := one.good.(string); isString {
				bad("not UTF-8 in "+one.name, f.with(one.name, "\""+s+"\xff\xfe\""), "")
			}
		}
		for name, body := range map[string]string{
			"nothing": "", "no JSON": "hello", "an array": "[]", "a string": `"x"`, "null": "null", "cut off": `{"a":`,
			"garbage behind": string(f.with("", "")) + "x", "two objects": string(f.with("", "")) + "{}", "not UTF-8": "{\"\xff\":1}",
			"deep": deep, "deep in an unknown field": `{"unknown":` + deep + `}`,
		} {
			bad(name, []byte(body), "")
		}
		big := call(t, "POST", f.path, u.token, append([]byte(`{"unknown":"`), append(bytes.Repeat([]byte("x"), 1<<20), `"}`...)...))
		assert.Equal(t, 413, big.Status, f.path)
		assert.Equal(t, "payload_too_large", big.code(), f.path)
	}
	assert.Equal(t, before, state(t, u, conv), "nothing was stored")
	assert.Empty(t, u.get("/api/users?username=nobody-yet").Body["users"])
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	u, peer := newUser(t), newUser(t)
	conv := u.chatWith(peer)
	for path, name := range map[string]string{
		"/api/conversations?limit=0": "limit", "/api/conversations?limit=201": "limit", "/api/conversations?limit=x": "limit",
		"/api/conversations?cursor=nonsense":                  "cursor",
		"/api/conversations/" + conv + "/messages?limit=0":    "limit",
		"/api/conversations/" + conv + "/messages?limit=201":  "limit",
		"/api/conversations/" + conv + "/messages?afterSeq=x": "afterSeq", "/api/conversations/" + conv + "/messages?afterSeq=-1": "afterSeq",
		"/api/conversations/" + conv + "/messages?beforeSeq=1.5": "beforeSeq",
		"/api/search": "q", "/api/search?q=x": "q", "/api/search?q=xx&limit=0": "limit", "/api/search?q=xx&limit=101": "limit",
		"/api/search?q=xx&cursor=nonsense": "cursor", "/api/search?q=%ff%ff": "q",
		"/api/messages/outcome": "tempMessageId", "/api/messages/outcome?tempMessageId=with%20space": "tempMessageId",
		"/api/users": "username",
	} {
		a := u.get(path)
		assert.Equal(t, 400, a.Status, path)
		assert.NotEmpty(t, a.field(name), "%s: %s", path, a.Raw)
	}
}

// state returns everything that bad input must not change.
func state(t *testing.T, u *user, conv string) string {
	t.Helper()
	c := u.get("/api/conversations/" + conv)
	list := u.get("/api/conversations?limit=200")
	me := u.get("/api/users/me")
	require.Equal(t, 200, me.Status)
	return fmt.Sprint(c.Body["lastSeq"], c.Body["readSeq"], len(list.Body["conversations"].([]any)), me.Body)
}
