package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/deploy/chaos"
	"github.com/gochat/gochat/deploy/client"
)

// judge reads the histories and holds them against what the clients saw. It returns
// how many messages there are.
func (w *town) judge(t *testing.T) int {
	t.Helper()
	truth := chaos.Truth{Histories: map[string][]client.Message{}, Members: map[string][]string{}}
	logs := map[string][]chaos.Event{}
	for _, one := range w.people {
		a := one.Account
		logs[a.UserID] = one.Log.Events()
		truth.Members["world"] = append(truth.Members["world"], a.UserID)
		var list struct {
			Conversations []struct {
				ConversationID string `json:"conversationId"`
				Peer           struct {
					UserID string `json:"userId"`
				} `json:"peer"`
				LastSeq, ReadSeq, Unread uint64
			} `json:"conversations"`
		}
		require.NoError(t, a.Call(t.Context(), "GET", "/api/conversations?limit=100", nil, &list))
		for _, conv := range list.Conversations {
			assert.Equal(t, conv.LastSeq-conv.ReadSeq, conv.Unread, "unread of %s in %s", a.Name, conv.ConversationID)
			if conv.Peer.UserID != "" {
				truth.Members[conv.ConversationID] = []string{a.UserID, conv.Peer.UserID}
			}
		}
	}
	total := 0
	for conv, members := range truth.Members {
		for _, one := range w.people {
			if one.Account.UserID == members[0] {
				history, err := one.Account.History(t.Context(), conv)
				require.NoError(t, err)
				truth.Histories[conv] = history
				total += len(history)
			}
		}
	}
	require.Positive(t, total)
	violations := chaos.Judge(logs, truth)
	for _, v := range violations[:min(20, len(violations))] {
		t.Error(v)
	}
	require.Empty(t, len(violations), "violations")
	return total
}
