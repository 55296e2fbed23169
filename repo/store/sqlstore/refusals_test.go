package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/store"
)

// TestOldRefusalsAreForgotten in batches, and no younger ones.
func TestOldRefusalsAreForgotten(t *testing.T) {
	t.Parallel()
	s, saver, _ := open(t, nil)
	closed(t, saver)
	long, now := time.UnixMilli(1_000), time.UnixMilli(2_000)
	for i := range refusalsAtOnce + 1 {
		_, found, err := s.Refuse(t.Context(), store.ClientKey{ConversationID: "group_1", SenderID: 1, ClientID: fmt.Sprint("old", i)}, long)
		require.NoError(t, err)
		require.False(t, found)
	}
	_, _, err := s.Refuse(t.Context(), store.ClientKey{ConversationID: "group_1", SenderID: 1, ClientID: "young"}, now)
	require.NoError(t, err)
	for _, want := range []int64{refusalsAtOnce, 1, 0} {
		n, err := s.ForgetRefusals(t.Context(), now)
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	for client, want := range map[string]store.Outcome{"young": store.Refused, "old7": store.Stored} {
		out, err := saver.Save(t.Context(), []store.Message{msg(int64(len(client)), "group_1", 1, client)})
		require.NoError(t, err)
		assert.Equal(t, want, out[0].Outcome, client)
	}
}

// TestARefusalThatCameTooLateDoesNoHarm: a crash between noting a refusal and seeing that the
// message is stored leaves both. The message is what counts.
func TestARefusalThatCameTooLateDoesNoHarm(t *testing.T) {
	t.Parallel()
	s, saver, d := open(t, nil)
	closed(t, saver)
	m := msg(1, "group_1", 1, "a")
	_, err := saver.Save(t.Context(), []store.Message{m})
	require.NoError(t, err)
	exec(t, d, "INSERT INTO refused_sends VALUES (1, 'a', 1)")
	again := m
	again.ID = 2
	out, err := saver.Save(t.Context(), []store.Message{again})
	require.NoError(t, err)
	assert.Equal(t, store.Duplicate, out[0].Outcome)
	assert.EqualValues(t, 1, out[0].Message.ID)
	_, found, err := s.Refuse(t.Context(), m.Key(), time.Now())
	require.NoError(t, err)
	assert.True(t, found)
}
