package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestRevocationsThatTheCacheMissed: a cache that was away while something was revoked
// comes back with what it knew before, and is told; until then this process knows.
func TestRevocationsThatTheCacheMissed(t *testing.T) {
	t.Parallel()
	expires := time.Now().Add(time.Hour).UnixMilli()
	for what, revoke := range map[string]func(f *fixture) error{
		"a token": func(f *fixture) error {
			_, err := f.RevokeToken(t.Context(), &pb.RevokeTokenRequest{TokenId: "t", UserId: 1, ExpiresAt: expires})
			return err
		},
		"a device": func(f *fixture) error {
			_, err := f.ForbidDevice(t.Context(), &pb.ForbidDeviceRequest{UserId: 1, DeviceId: "phone", At: 200})
			return err
		},
		"a user's tokens": func(f *fixture) error {
			_, err := f.SignOut(t.Context(), &pb.SignOutRequest{UserId: 1, Before: 200})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			revoked := func(f *fixture) bool {
				out, err := f.IsTokenRevoked(t.Context(), &pb.IsTokenRevokedRequest{TokenId: "t", UserId: 1, IssuedAt: 100})
				require.NoError(t, err)
				return out.GetRevoked()
			}
			_, err := f.CheckDevice(t.Context(), &pb.CheckDeviceRequest{TokenId: "t", UserId: 1, DeviceId: "phone", IssuedAt: 100, ExpiresAt: expires})
			require.NoError(t, err)
			require.False(t, revoked(f))
			other := f.again(t) // another process, with the same database and cache
			f.cable.out.Store(true)
			require.NoError(t, revoke(f))
			assert.True(t, revoked(f))
			assert.True(t, revoked(other), "the database knows")
			f.cable.out.Store(false)
			assert.True(t, revoked(f), "this process remembers")
			assert.Eventually(t, func() bool {
				late := f.again(t)
				return revoked(late) && revoked(other)
			}, 20*time.Second, 50*time.Millisecond, "the cache is told")
		})
	}
}

// TestTokensOfDevices that are noted while the cache is away are found as well.
func TestTokensOfDevicesWithoutACache(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.cable.out.Store(true)
	in := &pb.CheckDeviceRequest{TokenId: "t", UserId: 1, DeviceId: "phone", IssuedAt: 100, ExpiresAt: time.Now().Add(time.Hour).UnixMilli()}
	for range 2 {
		got, err := f.CheckDevice(t.Context(), in)
		require.NoError(t, err)
		assert.False(t, got.GetTokenRevoked())
	}
	done, err := f.ForbidDevice(t.Context(), &pb.ForbidDeviceRequest{UserId: 1, DeviceId: "phone", At: 200})
	require.NoError(t, err)
	assert.Equal(t, []string{"t"}, done.GetTokenIds())
	got, err := f.again(t).CheckDevice(t.Context(), in)
	require.NoError(t, err)
	assert.True(t, got.GetTokenRevoked())
}
