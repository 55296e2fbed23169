package cachetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/repo/store"
)

func usersAreTheNewest(t *testing.T, c Kept) {
	old, fresh := store.User{ID: 1, Nickname: "old", Version: 1}, store.User{ID: 1, Nickname: "fresh", Version: 2}
	require.NoError(t, c.PutUsers(t.Context(), fresh, store.User{ID: 2, Version: 1}))
	require.NoError(t, c.PutUsers(t.Context(), old), "a late reader")
	assert.Equal(t, map[int64]store.User{1: fresh, 2: {ID: 2, Version: 1}}, c.Users(t.Context(), []int64{1, 2, 3}))
}

// known is what a cache says of a token; empty: nothing.
func known(t *testing.T, c Kept, of store.UsedToken) string {
	t.Helper()
	state, known := c.TokenChecked(t.Context(), of)
	if !known {
		return ""
	}
	return fmt.Sprint(state.Revoked, state.SignedOutBefore, state.DeviceRevokedAt, state.Used)
}

func tokensAreNeverTakenBack(t *testing.T, c Kept) {
	bare := store.UsedToken{ID: "t", DeviceKey: store.DeviceKey{UserID: 1}}
	used := store.UsedToken{ID: "t", DeviceKey: store.DeviceKey{UserID: 1, ID: "phone"}}
	assert.Empty(t, known(t, c, bare))
	require.NoError(t, c.PutTokenChecked(t.Context(), bare, store.TokenState{SignedOutBefore: 5}))
	assert.Equal(t, "false 5 0 false", known(t, c, bare))
	assert.Empty(t, known(t, c, used), "of the device nothing is known")
	require.NoError(t, c.PutTokenChecked(t.Context(), used, store.TokenState{DeviceRevokedAt: 7}))
	assert.Equal(t, "false 5 7 false", known(t, c, used), "a late reader")
	require.NoError(t, c.PutTokenChecked(t.Context(), used, store.TokenState{Used: true}))
	assert.Equal(t, "false 5 7 true", known(t, c, used))
	other := used
	other.ID, other.DeviceKey.ID = "t:pho", "ne"
	assert.Empty(t, known(t, c, other))
	for _, at := range []int64{1_800_000_000_123, 9} {
		require.NoError(t, c.PutSignedOut(t.Context(), 1, at))
		require.NoError(t, c.PutDeviceRevoked(t.Context(), used.DeviceKey, at+1))
		assert.Equal(t, "false 1800000000123 1800000000124 true", known(t, c, used), "never back")
	}
	require.NoError(t, c.PutTokensRevoked(t.Context()))
	require.NoError(t, c.PutTokensRevoked(t.Context(), store.Token{ID: "t", ExpiresAt: time.Now().Add(time.Hour).UnixMilli()}, store.Token{ID: "t2"}))
	require.NoError(t, c.PutTokenChecked(t.Context(), bare, store.TokenState{}), "a late reader")
	assert.Equal(t, "true 0 0 false", known(t, c, bare))
	assert.Equal(t, "true 0 0 false", known(t, c, used))
	assert.Equal(t, "true 0 0 false", known(t, c, store.UsedToken{ID: "t2"}))
}

func marksAreSet(t *testing.T, c Kept) {
	require.NoError(t, c.PutMarks(t.Context(), []string{"a", "b"}, time.Hour))
	set, err := c.HasMarks(t.Context(), []string{"b", "c", "a"})
	require.NoError(t, err)
	assert.Equal(t, []bool{true, false, true}, set)
}

// everythingIsForgotten that is of the database.
func everythingIsForgotten(t *testing.T, c Kept) {
	conv := ns + "1"
	span := store.Span{ConversationID: conv, To: 3, Changed: 1}
	used := store.UsedToken{ID: "x", DeviceKey: store.DeviceKey{UserID: 1, ID: "phone"}, IssuedAt: 2, ExpiresAt: 3}
	require.NoError(t, c.Seed(t.Context(), map[string]uint64{conv: 1}))
	_, err := c.Allocate(t.Context(), []store.ClientKey{key(conv, "a")})
	require.NoError(t, err)
	require.NoError(t, c.Warm(t.Context(), span, stored(conv, 1, 2)))
	require.NoError(t, c.Follow(t.Context(), []store.Committed{{ConversationID: conv, LastSeq: 3, Stored: stored(conv, 3, 3)}}))
	require.NoError(t, c.PutUsers(t.Context(), store.User{ID: 1, Username: "ada"}))
	require.NoError(t, c.PutTokenChecked(t.Context(), used, store.TokenState{Used: true}))
	require.NoError(t, c.PutTokensRevoked(t.Context(), store.Token{ID: "y"}))
	require.NoError(t, c.PutDeviceRevoked(t.Context(), store.DeviceKey{UserID: 2, ID: "tablet"}, 1))
	require.NoError(t, c.PutSignedOut(t.Context(), 2, 1))
	_, whole := c.Hot(t.Context(), span)
	require.True(t, whole)
	require.Equal(t, "true 0 0 false", known(t, c, store.UsedToken{ID: "y"}))

	c.Forget(t)
	for _, k := range []store.ClientKey{key(conv, "a"), key(conv, 3)} {
		assert.LessOrEqual(t, c.Left(t, k), time.Duration(0))
		given, err := c.Allocate(t.Context(), []store.ClientKey{k})
		require.NoError(t, err)
		assert.Equal(t, []uint64{0}, given)
	}
	_, whole = c.Hot(t.Context(), span)
	assert.False(t, whole)
	assert.Empty(t, c.Users(t.Context(), []int64{1}))
	assert.Empty(t, known(t, c, used))
	assert.Empty(t, known(t, c, store.UsedToken{ID: "y"}))
}
