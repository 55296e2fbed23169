package chaos

import (
	"context"
	"net/http"

	"github.com/gochat/gochat/tests/client"
)

// Sync pulls, in each conversation, all messages after the last number up to which the
// talker has no gap.
func (t *Talker) Sync(ctx context.Context) error { return t.sync(ctx, t.Account) }

func (t *Talker) sync(ctx context.Context, account *client.Account) error {
	for {
		t.mu.Lock()
		have := make(map[string]uint64, len(t.last))
		for c, seq := range t.last {
			have[c] = seq
		}
		t.mu.Unlock()
		have["world"] = t.lastOf("world")
		var out struct {
			Conversations []struct {
				Messages []client.Message `json:"messages"`
				HasMore  bool             `json:"hasMore"`
			} `json:"conversations"`
			More bool `json:"more"`
		}
		body := map[string]any{"conversations": have, "limit": 200}
		if err := account.Call(ctx, http.MethodPost, "/api/sync", body, &out); err != nil {
			return err
		}
		again := out.More
		for _, c := range out.Conversations {
			again = again || c.HasMore
			for _, m := range c.Messages {
				t.got(m, m.SenderID != t.Account.UserID || !t.knows(m))
			}
		}
		if !again {
			return nil
		}
	}
}

func (t *Talker) lastOf(conv string) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[conv]
}

// knows reports whether the talker has the message already.
func (t *Talker) knows(m client.Message) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.have[m.ConversationID][m.SeqID]
}
