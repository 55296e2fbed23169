package cli

import (
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
	"github.com/gochat/gochat/tests/client"
)

// TestOutcomeCommand: what is stored, what was refused for good, and what is neither.
func TestOutcomeCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b := boot(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "  open  http://")
	address := regexp.MustCompile(`open  http://(\S+)`).FindStringSubmatch(b.stdout.String())[1]
	server := client.New("http://" + address)
	defer server.Close()
	alice, err := server.Register(t.Context(), "alice", "a long password")
	require.NoError(t, err)
	_, err = send(t.Context(), address, alice.Token)
	require.NoError(t, err)
	outcome := func(code int, args ...string) string {
		t.Helper()
		var stdout, stderr syncBuffer
		require.Equal(t, code, run(t.Context(), append([]string{"outcome", "--data-dir", dir}, args...), &stdout, &stderr), stderr.String())
		return stdout.String() + stderr.String()
	}
	for _, user := range []string{"alice", alice.UserID} {
		assert.Contains(t, outcome(0, user, "t1"), "is number 1 of conversation world, accepted at 20")
		assert.Contains(t, outcome(0, user, "t2"), "not stored. It is on its way")
	}
	assert.Contains(t, outcome(1, "nobody", "t1"), `there is no user "nobody"`)
	assert.Contains(t, outcome(1, "1", "t1"), "there is no user with the id 1")

	d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(dir, "gochat.db")}, zap.NewNop())
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	s := sqlstore.New(d)
	user, _, err := s.ByName(t.Context(), "alice")
	require.NoError(t, err)
	_, stored, err := s.Refuse(t.Context(), store.ClientKey{ConversationID: "world", SenderID: user.ID, ClientID: "t3"}, time.Now())
	require.NoError(t, err)
	require.False(t, stored)
	assert.Contains(t, outcome(0, "alice", "t3"), "it will never be stored")
}
