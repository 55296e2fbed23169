package blackbox

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crew is a group with a user for each place: owner, admin, member, removed member, outsider.
type crew struct {
	t                                       *testing.T
	id, conv                                string
	owner, admin, member, removed, outsider *user
}

func (u *user) group(name string, members ...*user) (id, conv string) {
	u.t.Helper()
	ids := []string{}
	for _, m := range members {
		ids = append(ids, m.id)
	}
	a := u.post("/api/groups", obj{"name": name, "memberIds": ids})
	require.Equal(u.t, 201, a.Status, "%s", a.Raw)
	return a.Body["groupId"].(string), a.Body["conversationId"].(string)
}

func (u *user) send(method, path string, body any) answer {
	u.t.Helper()
	if body == nil {
		return call(u.t, method, path, u.token, nil)
	}
	return call(u.t, method, path, u.token, enc(body))
}

func newCrew(t *testing.T) *crew {
	t.Helper()
	c := &crew{t: t, owner: newUser(t), admin: newUser(t), member: newUser(t), removed: newUser(t), outsider: newUser(t)}
	c.id, c.conv = c.owner.group("crew", c.admin, c.member, c.removed)
	c.ok(200, c.owner.send("PUT", c.path("/members/"+c.admin.id+"/role"), obj{"role": "admin"}))
	c.ok(200, c.removed.say(obj{"conversationId": c.conv}, "before", "before"))
	c.ok(204, c.owner.send("DELETE", c.path("/members/"+c.removed.id), nil))
	return c
}

func (c *crew) path(rest string) string { return "/api/groups/" + c.id + rest }

func (c *crew) ok(status int, a answer) answer {
	c.t.Helper()
	require.Equal(c.t, status, a.Status, "%s", a.Raw)
	return a
}

// state returns everything of the group that a refused call might have changed.
func (c *crew) state() string {
	c.t.Helper()
	out := ""
	for _, path := range []string{c.path(""), c.path("/members?limit=200"), "/api/conversations/" + c.conv + "/messages?afterSeq=0&limit=200"} {
		out += string(c.ok(200, c.owner.get(path)).Raw)
	}
	return out
}

// TestGroupMatrix tries every operation as owner, admin, member, removed member, outsider and without a
// token. A refused operation changes nothing.
func TestGroupMatrix(t *testing.T) {
	t.Parallel()
	type do func(c *crew, token string) answer
	with := func(method string, path func(*crew) string, body func(*crew) any) do {
		return func(c *crew, token string) answer {
			var raw []byte
			if body != nil {
				raw = enc(body(c))
			}
			return call(c.t, method, path(c), token, raw)
		}
	}
	at := func(rest string) func(*crew) string { return func(c *crew) string { return c.path(rest) } }
	conv := func(rest string) func(*crew) string {
		return func(c *crew) string { return "/api/conversations/" + c.conv + rest }
	}
	fixed := func(v any) func(*crew) any { return func(*crew) any { return v } }
	say := func(c *crew) any {
		return obj{"conversationId": c.conv, "content": "x", "messageType": "text", "tempMessageId": "matrix"}
	}
	const owner, admin, member, removed, outsider, nobody = 0, 1, 2, 3, 4, 5
	for _, row := range []struct {
		what string
		do   do
		want [6]int
		// safe: the operation changes nothing even when it succeeds.
		safe bool
	}{
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
	} {
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

func TestGroupLimits(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprint(i + 1)
	}
	before := c.state()
	for _, one := range []struct {
		method, path string
		body         obj
		field        string
	}{
		{"POST", "/api/groups", obj{"name": ""}, "name"}, {"POST", "/api/groups", obj{"name": long(65)}, "name"},
		{"POST", "/api/groups", obj{"name": "x", "memberIds": many}, "memberIds"},
		{"POST", "/api/groups", obj{"name": "x", "memberIds": []any{1}}, "memberIds"},
		{"PATCH", c.path(""), obj{"name": long(65)}, "name"}, {"PATCH", c.path(""), obj{"announcement": long(2001)}, "announcement"},
		{"PATCH", c.path(""), obj{"joinPolicy": "secret"}, "joinPolicy"},
		{"POST", c.path("/members"), obj{"userIds": []string{}}, "userIds"}, {"POST", c.path("/members"), obj{"userIds": many}, "userIds"},
		{"POST", c.path("/members"), obj{}, "userIds"},
		{"PUT", c.path("/members/" + c.member.id + "/role"), obj{"role": "king"}, "role"},
	} {
		a := c.owner.send(one.method, one.path, one.body)
		if assert.Equal(t, 400, a.Status, "%s %s: %s", one.method, one.path, a.Raw) {
			assert.NotEmpty(t, a.field(one.field), "%s", a.Raw)
		}
	}
	c.ok(404, c.owner.send("POST", c.path("/members"), obj{"userIds": []string{c.outsider.id, "1"}}))
	c.ok(404, c.owner.send("POST", "/api/groups", obj{"name": "x", "memberIds": []string{"1"}}))
	for _, path := range []string{"/api/groups/0", "/api/groups/x", "/api/groups/99999999999999999999", "/api/groups/7"} {
		c.ok(404, c.owner.get(path))
	}
	assert.Equal(t, before, c.state(), "refused calls change nothing")
}

// TestLifeOfAGroup: which members get which frames and read which messages, from the making of a group to its end.
func TestLifeOfAGroup(t *testing.T) {
	t.Parallel()
	ann, bob, cyd := newUser(t), newUser(t), newUser(t)
	bobAt, cydAt := bob.open(""), cyd.open("")
	// next skips other frames, so group events need their own sockets.
	events := map[*user]*socket{ann: ann.open(""), bob: bob.open(""), cyd: cyd.open("")}
	id, conv := ann.group("life", bob)
	event := func(u *user, name string) obj {
		t.Helper()
		for {
			if e := events[u].next("group-event"); e["event"] == name {
				require.Equal(t, id, e["groupId"])
				return e
			}
		}
	}
	assert.Equal(t, ann.id, event(bob, "created")["actorId"])
	a := ann.say(obj{"conversationId": conv}, "hello", "g1")
	require.EqualValues(t, 1, a.Body["seqId"], "a group's numbers begin at 1")
	assert.Equal(t, "hello", bobAt.next("new-message")["content"])
	cydAt.nothing("new-message")
	events[cyd].nothing("group-event")

	a = ann.post("/api/groups/"+id+"/members", obj{"userIds": []string{cyd.id, bob.id}})
	require.Equal(t, 200, a.Status)
	assert.Equal(t, []any{cyd.id}, a.Body["added"])
	assert.Equal(t, []any{bob.id}, a.Body["already"])
	assert.Equal(t, []any{cyd.id}, event(cyd, "members-added")["userIds"])
	told := bobAt.next("new-message")
	assert.Equal(t, "system", told["messageType"])
	assert.EqualValues(t, 2, told["seqId"])
	assert.EqualValues(t, 2, cydAt.next("new-message")["seqId"])
	page := cyd.get("/api/conversations/" + conv + "/messages?afterSeq=0")
	require.Len(t, page.Body["messages"], 1, "history from joining on: %s", page.Raw)
	view := cyd.get("/api/conversations/" + conv)
	assert.EqualValues(t, 0, view.Body["unread"], "one's own coming is no message: %s", view.Raw)
	assert.NotContains(t, view.Body, "lastMessage", "what was before is not for them")

	require.Equal(t, 200, ann.say(obj{"conversationId": conv}, "all three", "g2").Status)
	assert.EqualValues(t, 3, cydAt.next("new-message")["seqId"])
	require.Equal(t, 204, ann.send("DELETE", "/api/groups/"+id+"/members/"+cyd.id, nil).Status)
	assert.Equal(t, []any{cyd.id}, event(cyd, "member-removed")["userIds"])
	event(ann, "member-removed")
	require.Equal(t, 200, ann.say(obj{"conversationId": conv}, "without", "g3").Status)
	cydAt.nothing("new-message")
	require.Equal(t, 404, cyd.get("/api/conversations/"+conv+"/messages").Status)
	synced := cyd.post("/api/sync", obj{"conversations": obj{conv: 0}})
	for _, one := range synced.Body["conversations"].([]any) {
		assert.NotEqual(t, conv, one.(obj)["conversationId"])
	}

	require.Equal(t, 200, ann.send("PATCH", "/api/groups/"+id, obj{"joinPolicy": "open", "name": "open house"}).Status)
	event(bob, "updated")
	a = cyd.post("/api/groups/"+id+"/join", obj{})
	require.Equal(t, 200, a.Status, "%s", a.Raw)
	assert.Equal(t, []any{cyd.id}, a.Body["added"])
	require.Equal(t, 200, bob.post("/api/groups/"+id+"/members", obj{"userIds": []string{newUser(t).id}}).Status, "any member adds to an open group")

	require.Equal(t, 409, ann.send("DELETE", "/api/groups/"+id+"/members/"+ann.id, nil).Status, "an owner transfers first")
	require.Equal(t, 200, ann.send("PUT", "/api/groups/"+id+"/members/"+bob.id+"/role", obj{"role": "owner"}).Status)
	event(bob, "role-changed")
	assert.Equal(t, bob.id, ann.get("/api/groups/" + id).Body["ownerId"])
	require.Equal(t, 204, ann.send("DELETE", "/api/groups/"+id+"/members/"+ann.id, nil).Status)
	require.Equal(t, 204, bob.send("DELETE", "/api/groups/"+id, nil).Status)
	event(cyd, "dissolved")
	require.Equal(t, 404, bob.get("/api/groups/"+id).Status)
	bobAt.send("send-message", text(obj{"conversationId": conv}, "late", "g9"))
	assert.Equal(t, "conflict", bobAt.next("message-rejected")["code"])
	require.Equal(t, 200, bob.get("/api/conversations/"+conv+"/messages").Status, "its members still read it")
}
