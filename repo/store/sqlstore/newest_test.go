package sqlstore

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

func TestNewestID(t *testing.T) {
	t.Parallel()
	onEach(t, newestID)
}

func newestID(t *testing.T, d *db.DB) {
	t.Helper()
	_, err := Migrate(t.Context(), d)
	require.NoError(t, err)
	id, err := New(d).NewestID(t.Context())
	require.NoError(t, err)
	assert.Zero(t, id)
	chat(t, d)
	s, err := NewSaver(t.Context(), d, 1, nil, zap.NewNop())
	require.NoError(t, err)
	closed(t, s)
	_, err = s.Save(t.Context(), []store.Message{msg(1<<40, "group_1", 1, "a")})
	require.NoError(t, err)
	id, err = New(d).NewestID(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1<<40, id)
}
