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

// sooner bounds a call that gets no answer because the disk stands still.
const sooner = 5 * time.Second

func send(ctx context.Context, a *client.Account, key string) (m client.Message, err error) {
	err = a.Call(ctx, http.MethodPost, "/api/messages", map[string]string{
		"conversationId": "world", "content": "hello", "messageType": "text", "tempMessageId": key,
	}, &m)
	return m, err
}

// TestOnlyWhatIsSyncedIsLeft: everything that a server answered after its first start, in a data directory that it
// made, is there after a loss of all changes that were not synced.
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

// TestWhatAKilledProcessLeftIsNotTrusted: a server is killed between a write and its sync, so that the next process
// finds data that is not durable. What that process answers because of such data must be there after a loss of all
// changes that were not synced.
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
			_, _ = send(ctx, a, "second") // succeeds if it is stored before the disk stands still
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
