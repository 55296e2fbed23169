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
