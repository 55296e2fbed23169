package blackbox

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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

// groupLife is a group that Ann makes with Bob, and Cyd, who is not in it yet.
type groupLife struct {
	t             *testing.T
	id, conv      string
	ann, bob, cyd *user
	bobAt, cydAt  *socket
	events        map[*user]*socket // next skips other frames, so group events need their own sockets
}

func newGroupLife(t *testing.T) *groupLife {
	t.Helper()
	l := &groupLife{t: t, ann: newUser(t), bob: newUser(t), cyd: newUser(t)}
	l.bobAt, l.cydAt = l.bob.open(""), l.cyd.open("")
	l.events = map[*user]*socket{l.ann: l.ann.open(""), l.bob: l.bob.open(""), l.cyd: l.cyd.open("")}
	l.id, l.conv = l.ann.group("life", l.bob)
	return l
}

// event awaits an event of the group.
func (l *groupLife) event(u *user, name string) obj {
	l.t.Helper()
	for {
		if e := l.events[u].next("group-event"); e["event"] == name {
			require.Equal(l.t, l.id, e["groupId"])
			return e
		}
	}
}

// TestLifeOfAGroup: which members get which frames and read which messages, from the making of a group to its end.
func TestLifeOfAGroup(t *testing.T) {
	t.Parallel()
	l := newGroupLife(t)
	l.begins()
	l.grows()
	l.shrinks()
	l.opens()
	l.ends()
}

// begins: Cyd hears nothing of the group before she is in it.
func (l *groupLife) begins() {
	l.t.Helper()
	assert.Equal(l.t, l.ann.id, l.event(l.bob, "created")["actorId"])
	a := l.ann.say(obj{"conversationId": l.conv}, "hello", "g1")
	require.EqualValues(l.t, 1, a.Body["seqId"], "a group's numbers begin at 1")
	assert.Equal(l.t, "hello", l.bobAt.next("new-message")["content"])
	l.cydAt.nothing("new-message")
	l.events[l.cyd].nothing("group-event")
}

// grows: Cyd is added.
func (l *groupLife) grows() {
	l.t.Helper()
	a := l.ann.post("/api/groups/"+l.id+"/members", obj{"userIds": []string{l.cyd.id, l.bob.id}})
	require.Equal(l.t, 200, a.Status)
	assert.Equal(l.t, []any{l.cyd.id}, a.Body["added"])
	assert.Equal(l.t, []any{l.bob.id}, a.Body["already"])
	assert.Equal(l.t, []any{l.cyd.id}, l.event(l.cyd, "members-added")["userIds"])
	told := l.bobAt.next("new-message")
	assert.Equal(l.t, "system", told["messageType"])
	assert.EqualValues(l.t, 2, told["seqId"])
	assert.EqualValues(l.t, 2, l.cydAt.next("new-message")["seqId"])
	page := l.cyd.get("/api/conversations/" + l.conv + "/messages?afterSeq=0")
	require.Len(l.t, page.Body["messages"], 1, "history from joining on: %s", page.Raw)
	view := l.cyd.get("/api/conversations/" + l.conv)
	assert.EqualValues(l.t, 0, view.Body["unread"], "one's own coming is no message: %s", view.Raw)
	assert.NotContains(l.t, view.Body, "lastMessage", "what was before is not for them")
}

// shrinks: Cyd is removed.
func (l *groupLife) shrinks() {
	l.t.Helper()
	require.Equal(l.t, 200, l.ann.say(obj{"conversationId": l.conv}, "all three", "g2").Status)
	assert.EqualValues(l.t, 3, l.cydAt.next("new-message")["seqId"])
	require.Equal(l.t, 204, l.ann.send("DELETE", "/api/groups/"+l.id+"/members/"+l.cyd.id, nil).Status)
	assert.Equal(l.t, []any{l.cyd.id}, l.event(l.cyd, "member-removed")["userIds"])
	l.event(l.ann, "member-removed")
	require.Equal(l.t, 200, l.ann.say(obj{"conversationId": l.conv}, "without", "g3").Status)
	l.cydAt.nothing("new-message")
	require.Equal(l.t, 404, l.cyd.get("/api/conversations/"+l.conv+"/messages").Status)
	synced := l.cyd.post("/api/sync", obj{"conversations": obj{l.conv: 0}})
	for _, one := range synced.Body["conversations"].([]any) {
		assert.NotEqual(l.t, l.conv, one.(obj)["conversationId"])
	}
}

// opens: Anybody may join from now on, and Cyd does.
func (l *groupLife) opens() {
	l.t.Helper()
	require.Equal(l.t, 200, l.ann.send("PATCH", "/api/groups/"+l.id, obj{"joinPolicy": "open", "name": "open house"}).Status)
	l.event(l.bob, "updated")
	a := l.cyd.post("/api/groups/"+l.id+"/join", obj{})
	require.Equal(l.t, 200, a.Status, "%s", a.Raw)
	assert.Equal(l.t, []any{l.cyd.id}, a.Body["added"])
	require.Equal(l.t, 200, l.bob.post("/api/groups/"+l.id+"/members", obj{"userIds": []string{newUser(l.t).id}}).Status, "any member adds to an open group")
}

// ends: Ann hands the group to Bob and leaves it, and Bob dissolves it.
func (l *groupLife) ends() {
	l.t.Helper()
	require.Equal(l.t, 409, l.ann.send("DELETE", "/api/groups/"+l.id+"/members/"+l.ann.id, nil).Status, "an owner transfers first")
	require.Equal(l.t, 200, l.ann.send("PUT", "/api/groups/"+l.id+"/members/"+l.bob.id+"/role", obj{"role": "owner"}).Status)
	l.event(l.bob, "role-changed")
	assert.Equal(l.t, l.bob.id, l.ann.get("/api/groups/" + l.id).Body["ownerId"])
	require.Equal(l.t, 204, l.ann.send("DELETE", "/api/groups/"+l.id+"/members/"+l.ann.id, nil).Status)
	require.Equal(l.t, 204, l.bob.send("DELETE", "/api/groups/"+l.id, nil).Status)
	l.event(l.cyd, "dissolved")
	require.Equal(l.t, 404, l.bob.get("/api/groups/"+l.id).Status)
	l.bobAt.send("send-message", text(obj{"conversationId": l.conv}, "late", "g9"))
	assert.Equal(l.t, "conflict", l.bobAt.next("message-rejected")["code"])
	require.Equal(l.t, 200, l.bob.get("/api/conversations/"+l.conv+"/messages").Status, "its members still read it")
}
