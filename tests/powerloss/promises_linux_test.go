package powerloss

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// sooner is how long a call may take that a standing disk keeps from an answer.
const sooner = 5 * time.Second

func send(ctx context.Context, a *client.Account, key string) (m client.Message, err error) {
	err = a.Call(ctx, http.MethodPost, "/api/messages", map[string]string{
		"conversationId": "world", "content": "hello", "messageType": "text", "tempMessageId": key,
	}, &m)
	return m, err
}

// TestOnlyWhatIsSyncedIsLeft of a server that has just begun, in a directory that it has made: whatever it
// answered is there after a loss that keeps nothing else.
func TestOnlyWhatIsSyncedIsLeft(t *testing.T) {
	m := newMachine(t, rand.New(rand.NewPCG(1, 1)))
	m.start(t)
	web := client.New(m.server.URL())
	defer web.Close()
	a, err := web.Register(t.Context(), "somebody", "a password")
	require.NoError(t, err)
	said, err := send(t.Context(), a, "first")
	require.NoError(t, err)
	m.off(t)
	m.disk.Lose(nothing())
	m.start(t)
	is, err := send(t.Context(), a, "first")
	require.NoError(t, err, "the account and its token")
	assert.Equal(t, said.MessageID, is.MessageID)
	assert.Equal(t, said.SeqID, is.SeqID)
}

// TestWhatAKilledProcessLeftIsNotTrusted: a server is killed between a write and its sync, so that the next one
// finds what is not on the disk. What it answers, on the strength of that, is there after a loss that keeps
// nothing else.
func TestWhatAKilledProcessLeftIsNotTrusted(t *testing.T) {
	for _, file := range []string{"gochat.db-wal", ".wal", "wal-meta.db"} {
		t.Run(file, func(t *testing.T) {
			m := newMachine(t, rand.New(rand.NewPCG(1, 1)))
			m.start(t)
			web := client.New(m.server.URL())
			defer web.Close()
			a, err := web.Register(t.Context(), "somebody", "a password")
			require.NoError(t, err)
			_, err = send(t.Context(), a, "first")
			require.NoError(t, err)

			struck := m.disk.StandStillAt(func(c Change) bool { return c.Sync && strings.HasSuffix(c.Name, file) })
			ctx, cancel := context.WithTimeout(t.Context(), sooner)
			defer cancel()
			_, _ = send(ctx, a, "second") // it may be stored before the disk stands still
			m.await(t, struck)
			m.off(t)
			m.start(t)
			said, err := send(t.Context(), a, "second")
			require.NoError(t, err)
			m.off(t)
			m.disk.Lose(nothing())
			m.start(t)
			history, err := a.History(t.Context(), "world")
			require.NoError(t, err)
			require.Len(t, history, 2)
			assert.Equal(t, said.MessageID, history[1].MessageID)
			assert.Equal(t, said.SeqID, history[1].SeqID)
			is, err := send(t.Context(), a, "second")
			require.NoError(t, err)
			assert.Equal(t, said, is)
		})
	}
}
