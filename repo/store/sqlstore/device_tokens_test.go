package sqlstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// use notes that a device of user 1 uses a token, and expects that it may.
func use(t *testing.T, st *Store, device, token string, seen, expires int64) {
	t.Helper()
	at, ended, err := st.Use(t.Context(), store.UsedToken{
		ID: token, DeviceKey: store.DeviceKey{UserID: 1, ID: device}, IssuedAt: 10, ExpiresAt: expires,
	}, seen)
	require.NoError(t, err)
	require.Zero(t, at)
	require.Empty(t, ended)
}

// TestForgottenDevicesComeBackWithTheirTokens: a device that was forgotten for others is seen once
// more when its socket closes. Whoever revokes it then ends all tokens that it has used.
func TestForgottenDevicesComeBackWithTheirTokens(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		exec(t, d, "INSERT INTO users (user_id, username, username_key, nickname, avatar_url, password_hash, created_at) VALUES (1, 'a', 'a', 'a', '', '', 1)")
		st := New(d)
		expires := time.Now().Add(time.Hour).UnixMilli()
		old := store.DeviceKey{UserID: 1, ID: "old"}
		use(t, st, "old", "first", 1, expires)
		use(t, st, "old", "second", 1, expires)
		for i := range store.DevicesMax {
			use(t, st, fmt.Sprint("device", i), fmt.Sprint("token", i), int64(2+i), expires)
		}
		list, err := st.Devices(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, list, store.DevicesMax)
		require.NotContains(t, list, store.Device{ID: "old", LastSeenAt: 1})
		states, err := st.CheckTokens(t.Context(), []store.UsedToken{{ID: "first", DeviceKey: old}, {ID: "token5", DeviceKey: store.DeviceKey{UserID: 1, ID: "device5"}}})
		require.NoError(t, err)
		assert.False(t, states[0].Used, "who asks is to note the device again")
		assert.True(t, states[1].Used)

		require.NoError(t, st.See(t.Context(), []store.Seen{{DeviceKey: old, At: 1000, IssuedAt: 10}})) // its socket closes
		got, err := st.Forbid(t.Context(), old, 2000)
		require.NoError(t, err)
		assert.True(t, got.Listed)
		assert.ElementsMatch(t, []store.Token{{ID: "first", ExpiresAt: expires}, {ID: "second", ExpiresAt: expires}}, got.Tokens)
		states, err = st.CheckTokens(t.Context(), []store.UsedToken{{ID: "first", DeviceKey: store.DeviceKey{UserID: 1}}, {ID: "second", DeviceKey: store.DeviceKey{UserID: 1}}})
		require.NoError(t, err)
		assert.True(t, states[0].Revoked && states[1].Revoked)
	})
}

// TestTokensOfForgottenDevicesAreBounded: only valid tokens are kept, and forgottenTokensMax at most.
func TestTokensOfForgottenDevicesAreBounded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *db.DB) {
		_, err := Migrate(t.Context(), d)
		require.NoError(t, err)
		st := New(d)
		now := time.Now().UnixMilli()
		expired := now - 2*sweepGrace.Milliseconds()
		for i := range store.DevicesMax {
			use(t, st, fmt.Sprint("device", i), "token", now+int64(i), now+int64(i))
		}
		query := "INSERT INTO device_tokens (user_id, device_id, token_id, expires_at) VALUES "
		for i := range forgottenTokensMax + 50 {
			query += fmt.Sprintf("(1, 'gone%d', 'token', %d),", i, now+int64(i))
		}
		exec(t, d, query+fmt.Sprintf("(1, 'device5', 'old', %d), (1, 'gone', 'old', %d), (2, 'gone', 'old', %d)", expired, expired, expired))
		use(t, st, "one more", "token", now+int64(store.DevicesMax), now) // device0 is forgotten
		count := func(where string) (n int) {
			t.Helper()
			require.NoError(t, d.Primary().DB.QueryRowContext(t.Context(), "SELECT count(*) FROM device_tokens WHERE "+where).Scan(&n))
			return n
		}
		assert.Equal(t, store.DevicesMax, count("user_id = 1 AND (device_id LIKE 'device%' OR device_id = 'one more') AND device_id <> 'device0'"))
		assert.Equal(t, forgottenTokensMax, count("user_id = 1 AND (device_id LIKE 'gone%' OR device_id = 'device0')"))
		assert.Zero(t, count("user_id = 1 AND token_id = 'old'"))
		assert.Zero(t, count("user_id = 1 AND device_id = 'gone49'"), "those go that expire first")
		assert.Equal(t, 1, count("user_id = 1 AND device_id = 'gone50'"))
		assert.Equal(t, 1, count("user_id = 2"))
	})
}
