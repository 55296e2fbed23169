package repo_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/infra/rpc"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/verify"
)

const childDir = "GOCHAT_TEST_REPO_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func config(dir string) repo.Config {
	cfg := repo.DefaultConfig()
	cfg.DB.Path = filepath.Join(dir, "test.db")
	return cfg
}

func open(t *testing.T, cfg repo.Config) *repo.Repo {
	t.Helper()
	r, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close(context.WithoutCancel(t.Context()))) })
	return r
}

func TestOnSQLite(t *testing.T) {
	t.Parallel()
	r := open(t, config(t.TempDir()))
	repotest.Run(t, suite(r))
}

func TestOnMySQL(t *testing.T) {
	t.Parallel()
	cfg := repo.DefaultConfig()
	cfg.DB = repotest.MySQL(t)
	r := open(t, cfg)
	repotest.Run(t, suite(r))
}

// opened is a role that a test has opened.
type opened interface {
	repotest.Role
	FlushCache(ctx context.Context) error
	KeepsSessions() bool
}

func suite(r opened) repotest.Suite {
	return repotest.Suite{Role: r, FlushCache: r.FlushCache, KeepsSessions: r.KeepsSessions()}
}

// server is the Redis that the environment names; without one the test is skipped.
func server(tb testing.TB) kv.Config {
	tb.Helper()
	const env = "GOCHAT_TEST_REDIS_ADDR"
	if os.Getenv(env) == "" {
		tb.Skip("set " + env + " to run it with a real Redis")
	}
	cfg := kv.DefaultConfig()
	cfg.Addrs, cfg.DB = []string{os.Getenv(env)}, 2
	return cfg
}

// TestOnRedis runs the suite with a real Redis as the cache, in a database of its
// own, which is emptied.
func TestOnRedis(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"single": "GOCHAT_TEST_REDIS_ADDR", "sentinel": "GOCHAT_TEST_REDIS_SENTINEL_ADDRS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addrs := os.Getenv(env)
			if addrs == "" {
				t.Skip("set " + env + " to run the suite with a real Redis")
			}
			cfg := config(t.TempDir())
			cfg.KV.Addrs, cfg.KV.DB = strings.Split(addrs, ","), 1
			if name == "sentinel" {
				cfg.KV.MasterName = "gochat"
			}
			r := open(t, cfg)
			repotest.Run(t, suite(r))
		})
	}
}

func TestMetricsAreInOrder(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(open(t, config(t.TempDir()))))
	found, err := reg.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range found {
		names = append(names, f.GetName())
	}
	assert.Contains(t, names, "gochat_repo_database_connections")
	assert.Contains(t, names, "gochat_repo_save_seconds")
	assert.Contains(t, names, "gochat_repo_redis_keys")
}

func TestWrongAddressesAreNamed(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.KV.Addrs = []string{"127.0.0.1:1"}
	_, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.ErrorContains(t, err, "kv.addrs")
	require.NotContains(t, err.Error(), "\n")
}

// child stores messages for ever and prints each that was stored.
func child(dir string) error {
	ctx := context.Background()
	r, err := repo.Open(ctx, config(dir), zap.NewNop())
	if err != nil {
		return err
	}
	local := rpc.NewLocal()
	r.Register(local)
	users, convs, messages := pb.NewUserRepoClient(local), pb.NewConversationRepoClient(local), pb.NewMessageRepoClient(local)
	base := time.Now().UnixMicro()
	for i := range int64(2) {
		if _, err := users.CreateUser(ctx, &pb.CreateUserRequest{User: &pb.User{UserId: base + i, Username: fmt.Sprint("u", base+i)}}); err != nil {
			return err
		}
	}
	single, err := convs.EnsureSingle(ctx, &pb.EnsureSingleRequest{UserId: base, PeerId: base + 1})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range int64(8) {
		go func() {
			for n := int64(0); ; n++ {
				m := &pb.Message{
					MessageId: base + 10 + n*8 + w, ConversationId: single.GetConversationId(), SenderId: base + w%2, Content: "x",
					MessageType: "text", TempMessageId: fmt.Sprintf("%d-%d", w, n), Timestamp: 1,
				}
				out, err := messages.SaveMessages(ctx, &pb.SaveMessagesRequest{Messages: []*pb.Message{m}})
				if err != nil {
					failed <- err
					return
				}
				got := out.GetResults()[0].GetMessage()
				fmt.Printf("%d %s %d %d\n", got.GetSenderId(), got.GetTempMessageId(), got.GetMessageId(), got.GetSeqId())
			}
		}()
	}
	return <-failed
}

// TestWhatWasStoredSurvivesKill kills a process that stores, and looks for
// everything that it had said.
func TestWhatWasStoredSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var said []string
	for range 6 {
		said = append(said, killedChild(t, dir)...)
	}
	require.Greater(t, len(said), 100)

	r := open(t, config(dir))
	local := rpc.NewLocal()
	r.Register(local)
	messages := pb.NewMessageRepoClient(local)
	for _, line := range said {
		var sender, id, seq int64
		var key string
		_, err := fmt.Sscanf(line, "%d %s %d %d", &sender, &key, &id, &seq)
		require.NoError(t, err, line)
		got, err := messages.FindOutcome(t.Context(), &pb.FindOutcomeRequest{SenderId: sender, TempMessageId: key})
		require.NoError(t, err)
		require.True(t, got.GetStored(), "%s was stored and is gone", line)
		require.Equal(t, id, got.GetMessage().GetMessageId())
		require.EqualValues(t, seq, got.GetMessage().GetSeqId())
	}
	report := look(t, dir)
	assert.True(t, report.Whole(), report.Problems)
}

func killedChild(t *testing.T, dir string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$") //nolint:gosec // itself
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var lines []string
	until := 30 + rand.IntN(400) //nolint:gosec // a moment
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // half a line was not said
		}
		lines = append(lines, strings.TrimSpace(line))
		if len(lines) == until {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.Equal(t, -1, cmd.ProcessState.ExitCode(), "it was killed: %s", stderr.String())
	return lines
}

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

func TestBadDatabasesAreLeftAlone(t *testing.T) {
	t.Parallel()
	t.Run("newer schema", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		fill(t, dir)
		d, err := db.Open(t.Context(), config(dir).DB, zap.NewNop())
		require.NoError(t, err)
		_, err = d.Writer().DB.ExecContext(t.Context(), "INSERT INTO schema_breaks (name) VALUES ('29990101000000')")
		require.NoError(t, err)
		require.NoError(t, d.Close())
		before, err := os.ReadFile(config(dir).DB.Path)
		require.NoError(t, err)
		_, err = repo.Open(t.Context(), config(dir), zap.NewNop())
		require.ErrorIs(t, err, store.ErrNewerSchema)
		after, err := os.ReadFile(config(dir).DB.Path)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(before, after))
	})
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		fill(t, dir)
		path := config(dir).DB.Path
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, whole[:len(whole)/2], 0o600))
		_, err = repo.Open(t.Context(), config(dir), zap.NewNop())
		require.ErrorIs(t, err, db.ErrDamaged)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(whole[:len(whole)/2], after))
	})
}
