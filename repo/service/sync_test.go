package service_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
)

func (s *spied) Spans(ctx context.Context, spans []store.Span) ([][]store.Message, error) {
	s.spans.Add(1)
	s.asked.Add(int64(len(spans)))
	return s.Store.Spans(ctx, spans)
}

// chats puts user 1 into single chats with as many messages each, the first chat the newest.
func (f *fixture) chats(t testing.TB, n, messages, size int) (ids []string) {
	t.Helper()
	tx, err := f.db.Writer().DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	exec := func(query string, args ...any) {
		_, err := tx.ExecContext(t.Context(), query, args...)
		require.NoError(t, err)
	}
	for i := range n {
		peer := int64(1000 + i)
		id := string(contracts.SingleConversation(1, contracts.UserID(peer)))
		ids = append(ids, id)
		exec("INSERT INTO conversations (conversation_id, type, user_a, user_b, last_seq, last_message_at, created_at) VALUES (?,1,1,?,?,?,1)", id, peer, messages, n-i)
		exec("INSERT INTO conversation_members (conversation_id, user_id) VALUES (?,1), (?,?)", id, id, peer)
		for seq := 1; seq <= messages; seq++ {
			exec("INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at) VALUES (?,?,?,?,?,?,'text',1)",
				id, seq, peer*10_000+int64(seq), peer, fmt.Sprint(seq), strings.Repeat("x", size))
		}
	}
	require.NoError(t, tx.Commit())
	return ids
}

// warm puts the messages of chats into the cache, as the pipeline does.
func (f *fixture) warm(t testing.TB, ids []string) {
	t.Helper()
	for _, id := range ids {
		_, err := f.History(t.Context(), &pb.HistoryRequest{ConversationId: id, Limit: 300})
		require.NoError(t, err)
	}
}

// pull syncs as a client does until it has everything, and returns what each answer held.
func (f *fixture) pull(t *testing.T, limit int32, have map[string]uint64) (answers []*pb.SyncResponse) {
	t.Helper()
	for {
		got, err := f.Sync(patient(t), &pb.SyncRequest{UserId: 1, Have: have, Limit: limit})
		require.NoError(t, err)
		answers = append(answers, got)
		again := got.GetMore()
		for _, c := range got.GetConversations() {
			require.NotEmpty(t, c.GetMessages(), "a conversation without news")
			for _, m := range c.GetMessages() {
				require.Equal(t, have[c.GetConversationId()]+1, m.GetSeqId(), "the next one")
				have[c.GetConversationId()] = m.GetSeqId()
			}
			require.Equal(t, have[c.GetConversationId()] < c.GetLastSeq(), c.GetHasMore())
			again = again || c.GetHasMore()
		}
		if !again {
			return answers
		}
		require.NotEmpty(t, got.GetConversations(), "no progress")
	}
}

// TestSyncOfAThousand: all of them are in one answer, in one read of the database.
func TestSyncOfAThousand(t *testing.T) {
	t.Parallel()
	f := open(t)
	ids := f.chats(t, 1000, 1, 100)
	f.complete(t, ids)
	assert.EqualValues(t, 1, f.store.spans.Load())
}

// TestSyncReadsWhatTheCacheLacks and nothing else.
func TestSyncReadsWhatTheCacheLacks(t *testing.T) {
	t.Parallel()
	f := open(t)
	ids := f.chats(t, 150, 1, 100)
	for _, step := range []struct {
		warm         []string
		asked, reads int64
	}{{nil, 150, 1}, {ids[:100], 50, 1}, {ids, 0, 0}} {
		f.warm(t, step.warm)
		f.store.spans.Store(0)
		f.store.asked.Store(0)
		f.complete(t, ids)
		assert.Equal(t, step.asked, f.store.asked.Load())
		assert.Equal(t, step.reads, f.store.spans.Load())
	}
}

// complete expects one answer with all chats, newest first.
func (f *fixture) complete(t *testing.T, ids []string) {
	t.Helper()
	got, err := f.Sync(patient(t), &pb.SyncRequest{UserId: 1, Limit: 50})
	require.NoError(t, err)
	assert.False(t, got.GetMore())
	require.Len(t, got.GetConversations(), len(ids))
	for i, c := range got.GetConversations() {
		require.Equal(t, ids[i], c.GetConversationId())
		require.Len(t, c.GetMessages(), 1)
		require.Equal(t, ids[i], c.GetMessages()[0].GetConversationId())
	}
}

// patient gives a call time: with the race detector a busy machine needs it.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestSyncIsBounded by messages and by bytes, and goes on to the end.
func TestSyncIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		chats, messages, size int
		limit                 int32
		answers               int
		hot                   bool
	}{
		"many messages":               {chats: 30, messages: 200, size: 10, limit: 200, answers: 2},
		"many messages, hot":          {chats: 30, messages: 200, size: 10, limit: 200, answers: 2, hot: true},
		"large messages":              {chats: 600, messages: 1, size: 8192, limit: 50, answers: 3},
		"large messages, hot":         {chats: 600, messages: 1, size: 8192, limit: 50, answers: 3, hot: true},
		"messages beyond the bound":   {chats: 2, messages: 2, size: 3 << 20, limit: 50, answers: 4},
		"few of each":                 {chats: 50, messages: 7, size: 10, limit: 3, answers: 3},
		"more conversations than fit": {chats: 5500, messages: 1, size: 10, limit: 50, answers: 2},
		"one long conversation":       {chats: 1, messages: 6000, size: 10, limit: 10_000, answers: 4},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			ids := f.chats(t, c.chats, c.messages, c.size)
			if c.hot {
				f.warm(t, ids)
			}
			have := map[string]uint64{}
			answers := f.pull(t, c.limit, have)
			for _, id := range ids {
				require.EqualValues(t, c.messages, have[id])
			}
			assert.Len(t, answers, c.answers)
			for _, a := range answers {
				messages := 0
				for _, conv := range a.GetConversations() {
					messages += len(conv.GetMessages())
				}
				assert.LessOrEqual(t, messages, 5000)
				assert.LessOrEqual(t, proto.Size(a), max(2<<20, c.size+1000))
			}
		})
	}
}

// TestSyncOverAHole: a sync goes on with the other conversations; a hole in the store is for
// gochat verify to report.
func TestSyncOverAHole(t *testing.T) {
	t.Parallel()
	f := open(t)
	ids := f.chats(t, 3, 1, 10)
	_, err := f.db.Writer().DB.ExecContext(t.Context(), "DELETE FROM messages WHERE conversation_id = ?", ids[0])
	require.NoError(t, err)
	assert.Len(t, f.pull(t, 50, map[string]uint64{}), 1)
}
