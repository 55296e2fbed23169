package blackbox

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// operation is a call in a crew's group.
type operation func(c *crew, token string) answer

func with(method string, path func(*crew) string, body func(*crew) any) operation {
	return func(c *crew, token string) answer {
		var raw []byte
		if body != nil {
			raw = enc(body(c))
		}
		return call(c.t, method, path(c), token, raw)
	}
}

// matrixRow has the answers to the owner, an admin, a member, a removed member, an outsider and nobody.
type matrixRow struct {
	what string
	do   operation
	want [6]int
	// safe: the operation changes nothing even when it succeeds.
	safe bool
}

func groupMatrix() []matrixRow {
	at := func(rest string) func(*crew) string { return func(c *crew) string { return c.path(rest) } }
	conv := func(rest string) func(*crew) string {
		return func(c *crew) string { return "/api/conversations/" + c.conv + rest }
	}
	fixed := func(v any) func(*crew) any { return func(*crew) any { return v } }
	say := func(c *crew) any {
		return obj{"conversationId": c.conv, "content": "x", "messageType": "text", "tempMessageId": "matrix"}
	}
	return []matrixRow{
		{"read", with("GET", at(""), nil), [6]int{200, 200, 200, 404, 404, 401}, true},
		{"list members", with("GET", at("/members"), nil), [6]int{200, 200, 200, 404, 404, 401}, true},
		{"rename", with("PATCH", at(""), fixed(obj{"name": "other"})), [6]int{200, 200, 403, 404, 404, 401}, false},
		{"announce", with("PATCH", at(""), fixed(obj{"announcement": "news"})), [6]int{200, 200, 403, 404, 404, 401}, false},
		{"open", with("PATCH", at(""), fixed(obj{"joinPolicy": "open"})), [6]int{200, 200, 403, 404, 404, 401}, false},
		{"dissolve", with("DELETE", at(""), nil), [6]int{204, 403, 403, 404, 404, 401}, false},
		{"add", with("POST", at("/members"), func(c *crew) any { return obj{"userIds": []string{newUser(c.t).id}} }), [6]int{200, 200, 403, 404, 404, 401}, false},
		{"join where invited", with("POST", at("/join"), nil), [6]int{200, 200, 200, 404, 404, 401}, true},
		{"remove the owner", with("DELETE", func(c *crew) string { return c.path("/members/" + c.owner.id) }, nil), [6]int{409, 403, 403, 404, 404, 401}, false},
		{"remove an admin", with("DELETE", func(c *crew) string { return c.path("/members/" + c.admin.id) }, nil), [6]int{204, 204, 403, 404, 404, 401}, false},
		{"remove a member", with("DELETE", func(c *crew) string { return c.path("/members/" + c.member.id) }, nil), [6]int{204, 204, 204, 404, 404, 401}, false},
		{"remove an outsider", with("DELETE", func(c *crew) string { return c.path("/members/" + c.outsider.id) }, nil), [6]int{404, 404, 403, 404, 404, 401}, false},
		{"make an admin", with("PUT", func(c *crew) string { return c.path("/members/" + c.member.id + "/role") }, fixed(obj{"role": "admin"})), [6]int{200, 403, 403, 404, 404, 401}, false},
		{"transfer", with("PUT", func(c *crew) string { return c.path("/members/" + c.member.id + "/role") }, fixed(obj{"role": "owner"})), [6]int{200, 403, 403, 404, 404, 401}, false},
		{"make an outsider admin", with("PUT", func(c *crew) string { return c.path("/members/" + c.outsider.id + "/role") }, fixed(obj{"role": "admin"})), [6]int{404, 403, 403, 404, 404, 401}, false},
		{"see the conversation", with("GET", conv(""), nil), [6]int{200, 200, 200, 404, 404, 401}, true},
		{"read history", with("GET", conv("/messages"), nil), [6]int{200, 200, 200, 404, 404, 401}, true},
		{"mark read", with("POST", conv("/read"), fixed(obj{"seqId": 1})), [6]int{200, 200, 200, 404, 404, 401}, true},
		{"send", with("POST", func(*crew) string { return "/api/messages" }, say), [6]int{200, 200, 200, 404, 404, 401}, false},
		{"edit somebody else's message", with("POST", conv("/messages/1/changes"), fixed(obj{"change": "edit", "content": "x", "tempMessageId": "m"})), [6]int{403, 403, 403, 404, 404, 401}, false},
		{"recall somebody else's message", with("POST", conv("/messages/1/changes"), fixed(obj{"change": "recall", "tempMessageId": "m"})), [6]int{200, 200, 403, 404, 404, 401}, false},
		{"react", with("POST", conv("/messages/1/changes"), fixed(obj{"change": "react", "reaction": "👍", "tempMessageId": "m"})), [6]int{200, 200, 200, 404, 404, 401}, false},
	}
}

// TestGroupMatrix tries every operation as owner, admin, member, removed member, outsider and without a
// token. A refused operation changes nothing.
func TestGroupMatrix(t *testing.T) {
	t.Parallel()
	const owner, admin, member, removed, outsider, nobody = 0, 1, 2, 3, 4, 5
	for _, row := range groupMatrix() {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			c := newCrew(t)
			// Refusals first: they need no group of their own.
			for _, caller := range []int{nobody, outsider, removed, member, admin, owner} {
				token := ""
				if caller != nobody {
					token = []*user{c.owner, c.admin, c.member, c.removed, c.outsider}[caller].token
				}
				if row.want[caller] < 300 && !row.safe {
					c = newCrew(t)
					token = []*user{c.owner, c.admin, c.member, c.removed, c.outsider}[caller].token
				}
				before := c.state()
				a := row.do(c, token)
				require.Equal(t, row.want[caller], a.Status, "by %d: %s", caller, a.Raw)
				if row.want[caller] >= 300 || row.safe {
					require.Equal(t, before, c.state(), "by %d: it has changed something", caller)
				}
			}
		})
	}
}

// TestDissolvedGroupMatrix tries every operation on a dissolved group: members may read and leave, the
// owner too, and everything else is refused.
func TestDissolvedGroupMatrix(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	people := []*user{c.owner, c.admin, c.member, c.removed, c.outsider}
	at := []*socket{c.owner.open(""), c.admin.open(""), c.member.open("")}
	c.ok(204, c.owner.send("DELETE", c.path(""), nil))
	for _, s := range at {
		for s.next("group-event")["event"] != "dissolved" {
			continue // from before the group was dissolved
		}
	}
	conv := "/api/conversations/" + c.conv
	history := func(u *user) string { return string(c.ok(200, u.get(conv+"/messages?afterSeq=0&limit=200")).Raw) }
	before := history(c.member)
	gone := [5]int{404, 404, 404, 404, 404}
	for _, row := range []struct {
		method, path string
		body         any
		want         [5]int
	}{
		{"GET", c.path(""), nil, gone}, {"GET", c.path("/members"), nil, gone}, {"PATCH", c.path(""), obj{"name": "other"}, gone},
		{"DELETE", c.path(""), nil, gone}, {"POST", c.path("/members"), obj{"userIds": []string{c.outsider.id}}, gone},
		{"POST", c.path("/join"), nil, gone}, {"PUT", c.path("/members/" + c.member.id + "/role"), obj{"role": "owner"}, gone},
		{"GET", conv, nil, [5]int{200, 200, 200, 404, 404}}, {"GET", conv + "/messages", nil, [5]int{200, 200, 200, 404, 404}},
		{"POST", conv + "/read", obj{"seqId": 1}, [5]int{200, 200, 200, 404, 404}},
		{"POST", "/api/messages", text(obj{"conversationId": c.conv}, "late", "late"), [5]int{409, 409, 409, 404, 404}},
	} {
		for i, u := range people {
			a := u.send(row.method, row.path, row.body)
			assert.Equal(t, row.want[i], a.Status, "%s %s by %d: %s", row.method, row.path, i, a.Raw)
		}
	}
	for i, u := range people { // nobody removes anybody else
		for _, other := range people {
			if other != u {
				a := u.send("DELETE", c.path("/members/"+other.id), nil)
				assert.Equal(t, 404, a.Status, "by %d: %s", i, a.Raw)
			}
		}
	}
	leave := func(u *user) answer { return u.send("DELETE", c.path("/members/"+u.id), nil) }
	for _, u := range []*user{c.removed, c.outsider} {
		c.ok(404, leave(u))
	}
	for _, u := range []*user{c.owner, c.admin} {
		c.ok(204, leave(u))
		c.ok(404, u.get(conv))
		for _, one := range c.ok(200, u.get("/api/conversations?limit=200")).Body["conversations"].([]any) {
			assert.NotEqual(t, c.conv, one.(obj)["conversationId"])
		}
		c.ok(404, leave(u))
		assert.Equal(t, before, history(c.member), "nobody is told")
	}
	c.ok(204, leave(c.member))
	for _, s := range at {
		s.nothing("group-event")
		s.nothing("new-message")
	}
}
