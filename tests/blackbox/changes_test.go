package blackbox

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func said(t *testing.T, m obj) obj {
	t.Helper()
	require.Equal(t, "system", m["messageType"], m)
	var out obj
	require.NoError(t, json.Unmarshal([]byte(m["content"].(string)), &out))
	return out
}

func first(t *testing.T, u *user, conv string) obj {
	t.Helper()
	a := u.get("/api/conversations/" + conv + "/messages?afterSeq=0&limit=1")
	require.Equal(t, 200, a.Status)
	return a.Body["messages"].([]any)[0].(obj)
}

// TestChangesOfAMessage: each change is a message with its own number for everyone, a repeated change is made once,
// and history shows the changed message as it is then.
func TestChangesOfAMessage(t *testing.T) {
	t.Parallel()
	ann, bob := newUser(t), newUser(t)
	conv := ann.chatWith(bob)
	annAt, bobAt := ann.open(""), bob.open("")
	require.Equal(t, 200, ann.say(obj{"conversationId": conv}, "typo", "c0").Status)
	bobAt.next("new-message")

	annAt.send("change-message", obj{"conversationId": conv, "seqId": 1, "change": "edit", "content": "text", "tempMessageId": "c1"})
	assert.Equal(t, "c1", annAt.next("message-ack")["tempMessageId"])
	stored := annAt.next("message-stored")
	assert.EqualValues(t, 2, stored["seqId"])
	seen := bobAt.next("new-message")
	assert.EqualValues(t, 2, seen["seqId"])
	assert.Equal(t, obj{"event": "message-edited", "seqId": 1.0, "content": "text"}, said(t, seen))
	m := first(t, bob, conv)
	assert.Equal(t, "text", m["content"])
	assert.NotZero(t, m["editedAt"])

	again := ann.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "edit", "content": "other", "tempMessageId": "c1"})
	require.Equal(t, 200, again.Status)
	assert.Equal(t, stored["messageId"], again.Body["messageId"], "a key is used once")
	assert.Equal(t, "text", first(t, bob, conv)["content"])
	outcome := ann.get("/api/messages/outcome?tempMessageId=c1")
	assert.Equal(t, "stored", outcome.Body["status"])

	react := bob.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "react", "reaction": "🎉", "tempMessageId": "b1"})
	require.Equal(t, 200, react.Status, "%s", react.Raw)
	assert.Equal(t, []any{obj{"reaction": "🎉", "userIds": []any{bob.id}}}, first(t, ann, conv)["reactions"])
	require.Equal(t, 409, bob.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "react", "reaction": "🎉", "tempMessageId": "b2"}).Status)
	require.Equal(t, 200, bob.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "unreact", "reaction": "🎉", "tempMessageId": "b3"}).Status)
	assert.Nil(t, first(t, ann, conv)["reactions"])
	require.Equal(t, 403, bob.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "recall", "tempMessageId": "b4"}).Status)

	require.Equal(t, 200, ann.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "recall", "tempMessageId": "c2"}).Status)
	m = first(t, bob, conv)
	assert.Empty(t, m["content"])
	assert.Equal(t, ann.id, m["recalledBy"])
	history := string(bob.get("/api/conversations/" + conv + "/messages?afterSeq=0").Raw)
	assert.NotContains(t, history, "text\\\"", "the text is nowhere any more, not in the edit either")
	synced := bob.post("/api/sync", obj{"conversations": obj{conv: 0}})
	assert.NotContains(t, string(synced.Raw), `"content\":\"text`)
	annAt.send("change-message", obj{"conversationId": conv, "seqId": 1, "change": "edit", "content": "x", "tempMessageId": "c3"})
	assert.Equal(t, "conflict", annAt.next("message-rejected")["code"])
	assert.EqualValues(t, 5, bob.get("/api/conversations/" + conv).Body["lastSeq"], "no number for what is refused")
}

// TestOneHeart: different encodings of the same reaction count as one.
func TestOneHeart(t *testing.T) {
	t.Parallel()
	ann, bob := newUser(t), newUser(t)
	conv := ann.chatWith(bob)
	require.Equal(t, 200, ann.say(obj{"conversationId": conv}, "hello", "h0").Status)
	react := bob.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "react", "reaction": "❤", "tempMessageId": "b4"})
	require.Equal(t, 200, react.Status, "%s", react.Raw)
	const heart = "❤\uFE0F"
	require.Equal(t, 409, bob.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "react", "reaction": heart, "tempMessageId": "b5"}).Status)
	require.Equal(t, 200, ann.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "react", "reaction": heart, "tempMessageId": "a5"}).Status)
	assert.Equal(t, []any{obj{"reaction": heart, "userIds": []any{bob.id, ann.id}}}, first(t, ann, conv)["reactions"])
	for i, u := range []*user{ann, bob} {
		undo := obj{"change": "unreact", "reaction": []string{"❤", heart}[i], "tempMessageId": "u5"}
		require.Equal(t, 200, u.post("/api/conversations/"+conv+"/messages/1/changes", undo).Status)
	}
	assert.Nil(t, first(t, ann, conv)["reactions"])
	for _, blank := range []string{" ", "\u200D", "\u2800"} {
		a := bob.post("/api/conversations/"+conv+"/messages/1/changes", obj{"change": "react", "reaction": blank, "tempMessageId": "b6"})
		assert.NotEmpty(t, a.field("reaction"), "%s", a.Raw)
	}
}

func TestRepliesAndMentions(t *testing.T) {
	t.Parallel()
	ann, bob := newUser(t), newUser(t)
	conv := ann.chatWith(bob)
	bobAt := bob.open("")
	require.Equal(t, 200, ann.say(obj{"conversationId": conv}, "one", "r0").Status)
	require.Equal(t, 200, ann.say(obj{"conversationId": conv, "replyToSeq": 1, "mentions": []string{bob.id, "all"}}, "two", "r1").Status)
	bobAt.next("new-message")
	m := bobAt.next("new-message")
	assert.EqualValues(t, 1, m["replyToSeq"])
	assert.ElementsMatch(t, []any{"all", bob.id}, m["mentions"])
	for name, body := range map[string]obj{
		"to the future": {"replyToSeq": 9}, "to nothing": {"replyToSeq": 0}, "to a text": {"replyToSeq": "1"},
		"of a name": {"mentions": []string{"bob"}}, "of too many": {"mentions": make([]int, 51)},
	} {
		body["conversationId"] = conv
		a := ann.say(body, "x", "bad")
		assert.Contains(t, []int{400, 404}, a.Status, "%s: %s", name, a.Raw)
	}
	assert.EqualValues(t, 2, bob.get("/api/conversations/" + conv).Body["lastSeq"])
}

func TestBadChanges(t *testing.T) {
	t.Parallel()
	ann, bob := newUser(t), newUser(t)
	conv := ann.chatWith(bob)
	require.Equal(t, 200, ann.say(obj{"conversationId": conv}, "one", "b0").Status)
	before := state(t, ann, conv)
	for _, body := range []obj{
		{"change": "edit", "tempMessageId": "x"}, {"change": "edit", "content": "", "tempMessageId": "x"}, {"change": "edit", "content": long(8193), "tempMessageId": "x"},
		{"change": "react", "tempMessageId": "x"}, {"change": "react", "reaction": long(65), "tempMessageId": "x"}, {"change": "pin", "tempMessageId": "x"},
		{"change": 1, "tempMessageId": "x"}, {"change": "recall"}, {"change": "recall", "tempMessageId": long(65)}, {},
	} {
		a := ann.post("/api/conversations/"+conv+"/messages/1/changes", body)
		assert.Equal(t, 400, a.Status, "%v → %s", body, a.Raw)
	}
	for _, path := range []string{conv + "/messages/2", conv + "/messages/0", conv + "/messages/x", "world/messages/999999999"} {
		a := ann.post("/api/conversations/"+path+"/changes", obj{"change": "react", "reaction": "x", "tempMessageId": "x"})
		assert.Equal(t, 404, a.Status, "%s → %s", path, a.Raw)
	}
	require.Equal(t, before, state(t, ann, conv))
}
