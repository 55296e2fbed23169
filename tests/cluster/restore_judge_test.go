package cluster_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
)

// saying is an idempotency key: the sender's user id and tempMessageId.
type saying struct{ sender, tempID string }

// saidBy returns the accepted sends of people, with the ids that they were told of stored ones.
func saidBy(people []*chaos.Talker) map[saying]client.Message {
	out := map[saying]client.Message{}
	for _, p := range people {
		for _, e := range p.Log.Events() {
			switch key := (saying{e.Client, e.TempID}); e.Kind {
			case chaos.Accepted:
				if _, stored := out[key]; !stored {
					out[key] = client.Message{}
				}
			case chaos.Stored:
				out[key] = e.Message
			case chaos.Invoked, chaos.Rejected, chaos.Received:
			}
		}
	}
	return out
}

// beginAnew replaces the talkers by ones without messages, as clients forget everything when the epoch changes.
func (w *town) beginAnew() {
	former := w.people
	w.people = nil
	for _, p := range former {
		a := *p.Account
		a.Name += ".anew" // tempMessageIds begin with the name
		next := chaos.NewTalker(&a, p.To)
		next.Pace, next.InFlight, next.Servers = p.Pace, p.InFlight, p.Servers
		w.people = append(w.people, next)
	}
}

// epochTold returns the epoch in hello.
func epochTold(t *testing.T, a *client.Account) string {
	t.Helper()
	conn, err := a.Dial(t.Context(), websocket.DefaultDialer, "")
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	var hello struct{ Data struct{ Epoch string } }
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	require.NoError(t, conn.ReadJSON(&hello))
	require.NotEmpty(t, hello.Data.Epoch)
	return hello.Data.Epoch
}

// afterwards has the changes between the copy and the loss, besides messages of people.
type afterwards struct {
	edited   saying
	newcomer *client.Account
}

const (
	editedTo = "changed after the copy"
	greeting = "greeting"
)

// afterTheCopy renames a group, edits a message that is in the copy, and lets a new user send a message.
func (w *town) afterTheCopy(t *testing.T, copied map[saying]client.Message) afterwards {
	t.Helper()
	owner := w.people[0].Account
	require.NoError(t, owner.Call(t.Context(), http.MethodPatch, "/api/groups/"+w.groups[0], map[string]string{"name": "of after"}, nil))
	var did afterwards
	for key, m := range copied {
		if key.sender == owner.UserID && m.MessageID != "" {
			did.edited = key
		}
	}
	m := copied[did.edited]
	require.NotEmpty(t, m.MessageID)
	change := map[string]string{"change": "edit", "content": editedTo, "tempMessageId": "edit"}
	path := fmt.Sprintf("/api/conversations/%s/messages/%d/changes", m.ConversationID, m.SeqID)
	insist(t, owner, path, change)
	var err error
	did.newcomer, err = w.servers[0].Register(t.Context(), "newcomer", "a password")
	require.NoError(t, err)
	insist(t, did.newcomer, "/api/messages", map[string]string{
		"conversationId": "world", "content": "hello", "messageType": "text", "tempMessageId": greeting,
	})
	return did
}

// insist repeats a call, as clients do, until it succeeds.
func insist(t *testing.T, who *client.Account, path string, body map[string]string) {
	t.Helper()
	var why error
	require.Eventually(t, func() bool {
		var late *client.Error
		why = who.Call(t.Context(), http.MethodPost, path, body, nil)
		return !errors.As(why, &late) || late.Status != http.StatusServiceUnavailable
	}, complete, 100*time.Millisecond, path)
	require.NoError(t, why)
}

// isJudged checks the documented result: messages and their changes come back from Kafka; changes of accounts and
// groups do not, and neither do messages of an account that is gone.
func (did afterwards) isJudged(t *testing.T, w *town, byKey map[saying]client.Message) {
	t.Helper()
	assert.Equal(t, editedTo, byKey[did.edited].Content, "the edit is lost")
	var group struct{ Name string }
	require.NoError(t, w.people[0].Account.Call(t.Context(), http.MethodGet, "/api/groups/"+w.groups[0], nil, &group))
	assert.Equal(t, "of before", group.Name)
	assert.NotContains(t, byKey, saying{did.newcomer.UserID, greeting})
	tells := func(m client.Message) bool {
		return m.MessageType == "system" && strings.Contains(m.Content, `"updated"`)
	}
	assert.True(t, slices.ContainsFunc(slices.Collect(maps.Values(byKey)), tells), "the system message of the new name is lost")
	var refused *client.Error
	if assert.ErrorAs(t, did.newcomer.Call(t.Context(), http.MethodGet, "/api/users/me", nil, nil), &refused) {
		t.Log("who registered after the copy gets", refused)
	}
}

// nothingIsLost compares what people had been told before the loss with what is stored now.
func (w *town) nothingIsLost(t *testing.T, former []*chaos.Talker, copied map[saying]client.Message, byKey map[saying]client.Message) {
	t.Helper()
	told := saidBy(former)
	lost, waited, moved := 0, 0, 0
	for key, m := range told {
		now, there := byKey[key]
		switch {
		case !there:
			if lost++; lost <= 10 {
				t.Errorf("%s of user %s was accepted and is lost", key.tempID, key.sender)
			}
		case m.MessageID == "":
			waited++
		case m.SeqID != now.SeqID:
			moved++
		}
	}
	assert.Zero(t, lost, "messages are lost")
	kept := 0
	for key, m := range copied {
		if m.MessageID == "" {
			continue
		}
		kept++
		now := byKey[key]
		assert.Equal(t, []any{m.MessageID, m.ConversationID, m.SeqID}, []any{now.MessageID, now.ConversationID, now.SeqID}, "%s is another message", key.tempID)
	}
	t.Logf("%d sends were accepted before the loss, %d of them not yet stored; %d were in the copy for certain; %d have another number than before",
		len(told), waited, kept, moved)
	w.inOrder(t, former, byKey)
}

// inOrder checks that messages of a conversation that anybody saw before the loss are in the same order now.
func (w *town) inOrder(t *testing.T, former []*chaos.Talker, byKey map[saying]client.Message) {
	t.Helper()
	seen := map[string]map[uint64]saying{}
	for _, p := range former {
		for _, e := range p.Log.Events() {
			m, key := e.Message, saying{e.Client, e.TempID}
			if e.Kind == chaos.Received {
				key = saying{m.SenderID, m.TempMessageID}
			}
			if m.SeqID == 0 || m.MessageType == "system" {
				continue
			}
			if seen[m.ConversationID] == nil {
				seen[m.ConversationID] = map[uint64]saying{}
			}
			seen[m.ConversationID][m.SeqID] = key
		}
	}
	for conversation, by := range seen {
		var seqs []uint64
		for seq := range by {
			seqs = append(seqs, seq)
		}
		slices.Sort(seqs)
		last := uint64(0)
		for _, seq := range seqs {
			if m, there := byKey[by[seq]]; there {
				assert.Greater(t, m.SeqID, last, "%s: what was message %d is out of order", conversation, seq)
				last = m.SeqID
			}
		}
	}
}

// byKey returns all messages that people can read, by idempotency key.
func (w *town) byKey(t *testing.T) map[saying]client.Message {
	t.Helper()
	_, truth, _, err := chaos.Observe(t.Context(), w.people)
	require.NoError(t, err)
	out := map[saying]client.Message{}
	for _, history := range truth.Histories {
		for _, m := range history {
			out[saying{m.SenderID, m.TempMessageID}] = m
		}
	}
	return out
}
