package blackbox

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEditsOfEarlierMessages: a member who joined after a message learns of its edit, by push, history and sync,
// without the new text.
func TestEditsOfEarlierMessages(t *testing.T) {
	t.Parallel()
	ann, bob, cyd := newUser(t), newUser(t), newUser(t)
	made := ann.post("/api/groups", obj{"name": "Crew", "memberIds": []string{bob.id}})
	require.Equal(t, 201, made.Status, "%s", made.Raw)
	id, conv := made.Body["groupId"].(string), made.Body["conversationId"].(string)
	require.Equal(t, 200, ann.say(obj{"conversationId": conv}, "draft", "e1").Status)
	require.Equal(t, 200, ann.post("/api/groups/"+id+"/members", obj{"userIds": []string{cyd.id}}).Status)
	bobAt, cydAt := bob.open(""), cyd.open("")
	edited := ann.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "edit", "content": "secret", "tempMessageId": "e2"})
	require.Equal(t, 200, edited.Status, "%s", edited.Raw)
	assert.Equal(t, obj{"event": "message-edited", "seqId": 1.0, "content": "secret"}, edit(t, bobAt))
	bare := obj{"event": "message-edited", "seqId": 1.0}
	assert.Equal(t, bare, edit(t, cydAt), "the push")
	page := cyd.get("/api/conversations/" + conv + "/messages?afterSeq=2")
	require.Len(t, page.Body["messages"], 1, "%s", page.Raw)
	assert.Equal(t, bare, said(t, page.Body["messages"].([]any)[0].(obj)), "history")
	synced := cyd.post("/api/sync", obj{"conversations": obj{conv: 2}})
	assert.NotContains(t, string(synced.Raw), "secret", "sync")
	assert.Contains(t, string(bob.post("/api/sync", obj{"conversations": obj{conv: 2}}).Raw), "secret")
}

// edit returns the content of the next edit that is pushed to a socket. Earlier messages, such as the system message of
// an added member, may come to a new socket first, and are skipped.
func edit(t *testing.T, s *socket) obj {
	t.Helper()
	for {
		if m := said(t, s.next("new-message")); m["event"] == "message-edited" {
			return m
		}
	}
}

// TestOwnSendsAreRead: a send moves the sender's read position, and the sender's other sockets get a read frame; nobody
// else does. A change sends no read frame.
func TestOwnSendsAreRead(t *testing.T) {
	t.Parallel()
	ann, bob := newUser(t), newUser(t)
	conv := ann.chatWith(bob)
	phone, desk, peer := ann.open("phone"), ann.open("desk"), bob.open("")
	phone.send("send-message", obj{"conversationId": conv, "content": "hi", "messageType": "text", "tempMessageId": "r1"})
	assert.EqualValues(t, 1, desk.next("new-message")["seqId"])
	assert.Equal(t, obj{"conversationId": conv, "userId": ann.id, "readSeq": 1.0}, desk.next("read"))
	peer.next("new-message")
	require.Equal(t, 200, ann.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "edit", "content": "ho", "tempMessageId": "r2"}).Status)
	desk.next("new-message")
	peer.next("new-message")
	phone.nothing("read")
	desk.nothing("read")
	peer.nothing("read")
}
