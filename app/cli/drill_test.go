package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/tests/client"
)

// chatter sends messages to one conversation and records those that were answered as stored.
type chatter struct {
	account *client.Account
	mu      sync.Mutex
	stored  map[string]client.Message // by tempMessageId
}

// talk sends until ctx ends or a call fails.
func (c *chatter) talk(ctx context.Context, prefix string) {
	for n := 0; ctx.Err() == nil; n++ {
		body := map[string]string{
			"conversationId": "world", "content": fmt.Sprintf("message %d of %s 🙂", n, prefix),
			"messageType": "text", "tempMessageId": fmt.Sprintf("%s-%d", prefix, n),
		}
		var m client.Message
		if c.account.Call(ctx, http.MethodPost, "/api/messages", body, &m) != nil {
			return
		}
		c.mu.Lock()
		c.stored[m.TempMessageID] = m
		c.mu.Unlock()
	}
}

func (c *chatter) known() map[string]client.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]client.Message, len(c.stored))
	for k, v := range c.stored {
		out[k] = v
	}
	return out
}

// done runs a command that has to succeed, and returns what it printed.
func done(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), args, &stdout, &stderr), "%v: %s", args, stderr.String())
	return stdout.String()
}

// refused runs a command that has to fail, and returns what it said.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr syncBuffer
	require.Equal(t, 1, run(t.Context(), args, &stdout, &stderr), "%v: %s", args, stdout.String())
	return stderr.String()
}

// epochOf returns the store's epoch in the hello of a new socket.
func epochOf(t *testing.T, a *client.Account) string {
	t.Helper()
	conn, err := a.Dial(t.Context(), websocket.DefaultDialer, "")
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	var hello struct {
		Data struct {
			Epoch string `json:"epoch"`
		} `json:"data"`
	}
	require.NoError(t, conn.ReadJSON(&hello))
	return hello.Data.Epoch
}

// assertHistory asserts that the numbers have no hole, that no message is there twice, and that every message in
// known is in the history unchanged.
func assertHistory(t *testing.T, a *client.Account, known map[string]client.Message) []client.Message {
	t.Helper()
	all, err := a.History(t.Context(), "world")
	require.NoError(t, err)
	byKey := map[string]client.Message{}
	for i, m := range all {
		require.EqualValues(t, i+1, m.SeqID)
		byKey[m.SenderID+m.TempMessageID] = m
	}
	require.Len(t, byKey, len(all), "something is stored twice")
	for key, m := range known {
		there, found := byKey[a.UserID+key]
		if assert.True(t, found, "%s is lost", key) {
			assert.Equal(t, []any{m.MessageID, m.SeqID}, []any{there.MessageID, there.SeqID}, key)
		}
	}
	return all
}

// TestDrill: a backup is made under load, the process is killed and its data removed. After a restore every
// message from before the backup is there with the same number, the old tokens work, and clients see another epoch.
// Then an export and import carry everything to another database.
func TestDrill(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir, again, archive := filepath.Join(base, "data"), filepath.Join(base, "again"), filepath.Join(base, "backup")
	p := launch(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0")
	server := client.New("http://" + p.address(t))
	defer server.Close()
	account, err := server.Register(t.Context(), "somebody", "a long password")
	require.NoError(t, err)
	before := epochOf(t, account)
	c := &chatter{account: account, stored: map[string]client.Message{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var talking sync.WaitGroup
	for n := range 8 {
		talking.Go(func() { c.talk(ctx, fmt.Sprint("t", n)) })
	}
	require.Eventually(t, func() bool { return len(c.known()) > 50 }, ending, 10*time.Millisecond)
	known := c.known()
	done(t, "backup", "--data-dir", dir, "--out", archive)
	assert.Greater(t, len(c.known()), len(known), "people went on meanwhile")
	require.NoError(t, p.cmd.Process.Kill())
	stop()
	talking.Wait()
	assert.Contains(t, refused(t, "restore", "--data-dir", dir, "--from", archive), "is not empty")
	require.NoError(t, os.RemoveAll(dir))

	done(t, "restore", "--data-dir", again, "--from", archive)
	assert.Contains(t, done(t, "verify", "--data-dir", again), " 0 violations")
	q := launch(t, "--data-dir", again, "--gateway-listen", "127.0.0.1:0")
	account.Server = client.New("http://" + q.address(t))
	defer account.Server.Close()
	assert.NotEqual(t, before, epochOf(t, account))
	require.NoError(t, account.Call(t.Context(), http.MethodPost, "/api/messages",
		map[string]string{"conversationId": "world", "content": "after", "messageType": "text", "tempMessageId": "after"}, nil))
	history := assertHistory(t, account, known)
	require.NoError(t, q.cmd.Process.Signal(os.Interrupt))
	require.NoError(t, <-q.done)
	q.done <- nil
	move(t, again, history)
}

// move exports everything and imports it into MySQL if the tests have one, else into another embedded database.
func move(t *testing.T, dir string, history []client.Message) {
	t.Helper()
	out, back := filepath.Join(t.TempDir(), "export"), filepath.Join(t.TempDir(), "back")
	done(t, "export", "--data-dir", dir, "--out", out)
	to := []string{"--data-dir", filepath.Join(t.TempDir(), "moved")}
	if os.Getenv(repotest.EnvMySQL) != "" {
		settings := filepath.Join(t.TempDir(), "settings.yaml")
		require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, "db:\n  driver: mysql\n  dsn: %q\n", repotest.MySQL(t).DSN), 0o600))
		to = []string{"--config", settings}
	}
	said := done(t, append([]string{"import", "--from", out}, to...)...)
	assert.Contains(t, said, " 0 violations")
	assert.Contains(t, done(t, append([]string{"verify"}, to...)...), fmt.Sprintf("%d messages, 0 violations", len(history)))
	assert.Contains(t, refused(t, append([]string{"import", "--from", out}, to...)...), "not empty")
	done(t, append([]string{"export", "--out", back}, to...)...)
	for _, table := range []string{"users", "conversations", "conversation_members", "messages"} {
		a, err := os.ReadFile(filepath.Join(out, table+".ndjson"))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(back, table+".ndjson"))
		require.NoError(t, err)
		assert.Equal(t, string(a), string(b), table)
	}
	var first struct {
		MessageID string `json:"message_id"`
		SeqID     uint64 `json:"seq_id"`
	}
	f, err := os.Open(filepath.Join(back, "messages.ndjson"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	require.NoError(t, json.NewDecoder(f).Decode(&first))
	assert.Equal(t, history[0].MessageID, first.MessageID)
}

// TestBackupOfWhatIsNotStored: a send that was accepted and could not be stored is in the backup, and is
// stored exactly once after the restore.
func TestBackupOfWhatIsNotStored(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir, again, archive := filepath.Join(base, "data"), filepath.Join(base, "again"), filepath.Join(base, "backup")
	p := launch(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0", "--gateway-send-timeout", "10m")
	token := register(t, p.address(t))
	unlock := lockDatabase(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _, _ = send(ctx, p.address(t), token) }() // waits for its outcome
	p.waitFor(t, &p.stderr, "retrying a run")
	done(t, "backup", "--data-dir", dir, "--out", archive)
	require.NoError(t, p.cmd.Process.Kill())
	<-p.done
	p.done <- nil
	unlock()

	assert.Contains(t, done(t, "restore", "--data-dir", again, "--from", archive), "next: ")
	q := launch(t, "--data-dir", again, "--gateway-listen", "127.0.0.1:0")
	server := client.New("http://" + q.address(t))
	defer server.Close()
	account := &client.Account{Server: server, Token: token}
	require.Eventually(t, func() bool {
		all, err := account.History(t.Context(), "world")
		return err == nil && len(all) == 1 && all[0].Content == "hello"
	}, ending, 10*time.Millisecond)
	_, err := send(t.Context(), q.address(t), token) // the same tempMessageId
	require.NoError(t, err)
	assertHistory(t, account, nil)
	all, err := account.History(t.Context(), "world")
	require.NoError(t, err)
	assert.Len(t, all, 1)
}

// TestNothingOpensAStoreThatIsHalfRestored: commands refuse a directory into which a restore was cut off, and change
// no file there, since the restore still has to move those files.
func TestNothingOpensAStoreThatIsHalfRestored(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	done(t, "migrate", "up", "--data-dir", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "RESTORING"), []byte("{}"), 0o600))
	export := filepath.Join(t.TempDir(), "export")
	require.NoError(t, os.Mkdir(export, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(export, "manifest.json"), []byte(`{"format":"gochat-export","version":1,"id":"x"}`), 0o600))
	before, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, command := range [][]string{
		{"verify"}, {"export", "--out", out}, {"backup", "--out", out}, {"migrate", "up"}, {"migrate", "status"}, {"import", "--from", export},
	} {
		assert.Contains(t, refused(t, append(command, "--data-dir", dir)...), "was cut off", command)
	}
	after, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, after, len(before))
	assert.NoFileExists(t, out)
}
