package chaos

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gochat/gochat/tests/client"
)

// Observe returns the arguments of Judge for talkers that have stopped: their logs, and
// the histories of all their conversations, read from the server. wrong has the
// violations that Judge does not look for: malformed frames and wrong unread counts.
func Observe(ctx context.Context, talkers []*Talker) (logs map[string][]Event, truth Truth, wrong []Violation, err error) {
	logs = map[string][]Event{}
	truth = Truth{Histories: map[string][]client.Message{}, Members: map[string][]string{}}
	readers := map[string]*client.Account{}
	var counts []count
	for _, one := range talkers {
		a := one.Account
		logs[a.UserID] = one.Log.Events()
		wrong = append(wrong, one.unformed()...)
		truth.Members["world"] = append(truth.Members["world"], a.UserID)
		readers["world"] = a
		var list struct {
			Conversations []struct {
				ConversationID string `json:"conversationId"`
				Type           string `json:"type"`
				Peer           struct {
					UserID string `json:"userId"`
				} `json:"peer"`
				LastSeq, ReadSeq, Unread uint64
			} `json:"conversations"`
		}
		if err := a.Call(ctx, http.MethodGet, "/api/conversations?limit=100", nil, &list); err != nil {
			return nil, truth, nil, fmt.Errorf("list the conversations of %s: %w", a.Name, err)
		}
		for _, conv := range list.Conversations {
			counts = append(counts, count{conv.ConversationID, a.Name, conv.LastSeq, conv.ReadSeq, conv.Unread})
			switch {
			case conv.Peer.UserID != "":
				truth.Members[conv.ConversationID] = []string{a.UserID, conv.Peer.UserID}
			case conv.Type == "group":
				truth.Members[conv.ConversationID] = append(truth.Members[conv.ConversationID], a.UserID)
			default:
				continue
			}
			readers[conv.ConversationID] = a
		}
	}
	for conv, reader := range readers {
		history, err := History(ctx, reader, conv, 0)
		if err != nil {
			return nil, truth, nil, err
		}
		truth.Histories[conv] = history
	}
	for _, c := range counts {
		wrong = append(wrong, c.check(truth.Histories[c.conv])...)
	}
	return logs, truth, wrong, nil
}

// History returns the messages of a conversation after seq, with contents shortened as in logs (see brief).
func History(ctx context.Context, reader *client.Account, conv string, seq uint64) ([]client.Message, error) {
	history, err := reader.HistoryAfter(ctx, conv, seq)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", conv, err)
	}
	for i := range history {
		history[i] = brief(history[i])
	}
	return history, nil
}

// count has the numbers that a user's list of conversations shows for one of them.
type count struct {
	conv, name         string
	last, read, unread uint64
}

// check compares the unread count with the messages after the read position, system messages left
// out. It skips a history that is shorter than the list says, which Judge reports.
func (c count) check(history []client.Message) []Violation {
	if uint64(len(history)) < c.last {
		return nil
	}
	want := uint64(0)
	for _, m := range history {
		if m.SeqID > c.read && m.SeqID <= c.last && m.MessageType != "system" {
			want++
		}
	}
	if c.unread == want {
		return nil
	}
	return []Violation{{Promise: ExactUnread, Evidence: fmt.Sprintf("%d unread of %s in %s, which has %d messages after the read position %d",
		c.unread, c.name, c.conv, want, c.read)}}
}

// Messages returns the number of messages in all histories.
func (t Truth) Messages() int {
	n := 0
	for _, h := range t.Histories {
		n += len(h)
	}
	return n
}
