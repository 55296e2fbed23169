package chaos

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// hall is a server that keeps messages for a short time, and two users.
type hall struct {
	server   *Server
	ann, bob *client.Account
}

func newHall(t *testing.T, env ...string) *hall {
	t.Helper()
	h := &hall{server: newServer(t, t.TempDir()+"/data", env...)}
	h.start(t)
	web := client.New(h.server.URL())
	t.Cleanup(web.Close)
	var err error
	h.ann, err = web.Register(t.Context(), "ann", "a password")
	require.NoError(t, err)
	h.bob, err = web.Register(t.Context(), "bob", "a password")
	require.NoError(t, err)
	return h
}

func (h *hall) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, h.server.Start(ctx))
}

// stored has the ids that the sender of a stored message is told.
type stored struct {
	MessageID string `json:"messageId"`
	SeqID     uint64 `json:"seqId"`
}

func (h *hall) send(t *testing.T, conversation, key, content string) (out stored) {
	t.Helper()
	require.NoError(t, h.ann.Call(t.Context(), http.MethodPost, "/api/messages", map[string]string{
		"conversationId": conversation, "content": content, "messageType": "text", "tempMessageId": key,
	}, &out))
	return out
}

func (h *hall) found(t *testing.T, word string) int {
	t.Helper()
	var out struct {
		Messages []client.Message `json:"messages"`
	}
	require.NoError(t, h.ann.Call(t.Context(), http.MethodGet, "/api/search?q="+url.QueryEscape(word), nil, &out))
	return len(out.Messages)
}

// run runs a command beside the server.
func (h *hall) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), h.server.Binary, append(args, "--data-dir", h.server.DataDir)...).CombinedOutput() //nolint:gosec // built above
	require.NoError(t, err, string(out))
	return string(out)
}

// expired returns how many of the messages of a conversation have expired, and expects that each is there with
// the ids that it had.
func (h *hall) expired(t *testing.T, conversation string, before []stored) (n int) {
	t.Helper()
	list, err := h.bob.History(t.Context(), conversation)
	require.NoError(t, err)
	require.Len(t, list, len(before))
	for i, m := range list {
		require.Equal(t, before[i].MessageID, m.MessageID)
		require.Equal(t, before[i].SeqID, m.SeqID)
		require.Equal(t, m.Expired, m.Content == "", "%v", m)
		if m.Expired {
			n++
		}
	}
	return n
}

// TestRetention: messages expire after their retention while the server is killed again and again.
// Expired messages keep their ids and numbers, are not found by search, and cannot be edited; a repeated
// send of one gets the same ids. A group with a retention of its own keeps its messages.
func TestRetention(t *testing.T) {
	const many = 40
	h := newHall(t, "GOCHAT_RETENTION_SINGLE=4s", "GOCHAT_RETENTION_GROUP=4s", "GOCHAT_RETENTION_INTERVAL=50ms", "GOCHAT_RETENTION_BATCH=3",
		"GOCHAT_RETENTION_PAUSE=20ms")
	var chat struct {
		ConversationID string `json:"conversationId"`
	}
	require.NoError(t, h.ann.Call(t.Context(), http.MethodPost, "/api/conversations", map[string]string{"peerId": h.bob.UserID}, &chat))
	var group struct {
		ConversationID string `json:"conversationId"`
	}
	require.NoError(t, h.ann.Call(t.Context(), http.MethodPost, "/api/groups", map[string]any{"name": "keepers", "memberIds": []string{h.bob.UserID}}, &group))
	h.run(t, "retention", "set", group.ConversationID, "forever")
	kept := h.send(t, group.ConversationID, "kept", "this stays")

	var before []stored
	for n := range many {
		before = append(before, h.send(t, chat.ConversationID, fmt.Sprint("m", n), fmt.Sprint("zanzibar ", n)))
	}
	require.Eventually(t, func() bool { return h.found(t, "zanzibar") > 0 }, time.Minute, 20*time.Millisecond)
	expired := func() int { t.Helper(); return h.expired(t, chat.ConversationID, before) }
	for at := 1; at < many; at += 13 { // killed in the middle
		require.Eventually(t, func() bool { return expired() >= at }, time.Minute, 10*time.Millisecond)
		require.NoError(t, h.server.Kill())
		h.start(t)
	}
	require.Eventually(t, func() bool { return expired() == many }, time.Minute, 20*time.Millisecond)

	assert.Zero(t, h.found(t, "zanzibar"))
	for n, was := range before {
		assert.Equal(t, was, h.send(t, chat.ConversationID, fmt.Sprint("m", n), "something else"), "the same send gets the same ids")
	}
	var seen struct {
		LastMessage client.Message `json:"lastMessage"`
		Unread      int            `json:"unread"`
	}
	require.NoError(t, h.bob.Call(t.Context(), http.MethodGet, "/api/conversations/"+chat.ConversationID, nil, &seen))
	assert.True(t, seen.LastMessage.Expired)
	assert.Empty(t, seen.LastMessage.Content)
	assert.Equal(t, many, seen.Unread)
	err := h.ann.Call(t.Context(), http.MethodPost, "/api/conversations/"+chat.ConversationID+"/messages/1/changes",
		map[string]string{"change": "edit", "content": "new", "tempMessageId": "late"}, nil)
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "conflict", refused.Code)

	list, err := h.bob.History(t.Context(), group.ConversationID)
	require.NoError(t, err)
	assert.Equal(t, "this stays", list[kept.SeqID-1].Content)
	assert.Contains(t, h.run(t, "retention", "show"), group.ConversationID)
	_, _, err = h.server.Term()
	require.NoError(t, err)
	h.run(t, "verify")
}
