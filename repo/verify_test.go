package repo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/verify"
)

func look(t *testing.T, dir string) *verify.Report {
	t.Helper()
	d, err := db.Open(t.Context(), config(dir).DB, zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	report, err := verify.Verify(t.Context(), d)
	require.NoError(t, err)
	return report
}

// TestVerifyFindsDamage: a check that cannot fail says nothing.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	const group = "INSERT INTO `groups` VALUES (9,'group_9','Nine','',1,1,'open',1,0);" +
		"INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at, member_count) VALUES ('group_9',2,9,1,1,1);" +
		"INSERT INTO group_members VALUES (9,1,'owner',1); INSERT INTO conversation_members (conversation_id, user_id) VALUES ('group_9',1);"
	for name, c := range map[string]struct{ damage, want string }{
		"a whole group":                 {group, ""},
		"a group without conversation":  {group + "DELETE FROM conversations WHERE type = 2", "no conversation"},
		"a conversation without group":  {group + "DELETE FROM `groups`", "which does not exist"},
		"a member without membership":   {group + "UPDATE conversation_members SET left_seq = 0 WHERE conversation_id = 'group_9'", "not in its conversation"},
		"a wrong member count":          {group + "UPDATE `groups` SET member_count = 2", "has 2 members and has 1"},
		"a wrong count of recipients":   {group + "UPDATE conversations SET member_count = 2 WHERE type = 2", "its conversation counts 2"},
		"a change that is not there":    {"UPDATE conversations SET changed_seq = 9 WHERE type = 1", "changed_seq 9 is beyond"},
		"nothing":                       {"SELECT 1", ""},
		"a hole":                        {"DELETE FROM messages WHERE seq_id = 2", "hole"},
		"the newest is gone":            {"DELETE FROM messages WHERE seq_id = 3", "last_seq"},
		"a wrong last_seq":              {"UPDATE conversations SET last_seq = 9 WHERE type = 1", "last_seq"},
		"read beyond the end":           {"UPDATE conversation_members SET read_seq = 99", "beyond"},
		"delivered beyond the end":      {"INSERT INTO delivered_positions SELECT conversation_id, 1, 99 FROM conversations WHERE type = 1", "delivered_seq 99 is beyond"},
		"a sender who was never there":  {"UPDATE messages SET sender_id = 77 WHERE seq_id = 1", "never in it"},
		"messages without conversation": {"DELETE FROM conversations WHERE type = 1", "does not exist"},
		"a member without an account":   {"DELETE FROM users", "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir)
			d, err := db.Open(t.Context(), config(dir).DB, zap.NewNop())
			require.NoError(t, err)
			_, err = d.Writer().DB.ExecContext(t.Context(), c.damage)
			require.NoError(t, err)
			require.NoError(t, d.Close())
			report := look(t, dir)
			if c.want == "" {
				assert.True(t, report.Whole(), report.Problems)
				assert.EqualValues(t, 3, report.Messages)
				return
			}
			assert.False(t, report.Whole())
			assert.Contains(t, strings.Join(report.Problems, "\n"), c.want)
		})
	}
}

// fill makes a store with a single chat of three messages.
func fill(t *testing.T, dir string) {
	t.Helper()
	r, err := repo.Open(t.Context(), config(dir), zap.NewNop())
	require.NoError(t, err)
	local := rpc.NewLocal()
	r.Register(local)
	for id := range int64(2) {
		_, err := pb.NewUserRepoClient(local).CreateUser(t.Context(), &pb.CreateUserRequest{User: &pb.User{UserId: id + 1, Username: fmt.Sprint("user", id)}})
		require.NoError(t, err)
	}
	single, err := pb.NewConversationRepoClient(local).EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: 1, PeerId: 2})
	require.NoError(t, err)
	for n := range int64(3) {
		_, err := pb.NewMessageRepoClient(local).SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{{
			MessageId: n + 1, ConversationId: single.GetConversationId(), SenderId: 1 + n%2, Content: "x", MessageType: "text", TempMessageId: fmt.Sprint(n), Timestamp: 1,
		}}})
		require.NoError(t, err)
	}
	require.NoError(t, r.Close(t.Context()))
}
