package repotest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// token returns a token that was issued at 100 and expires in an hour.
func token(user int64, device string) *pb.UsedToken {
	return &pb.UsedToken{
		TokenId: fmt.Sprint("jti", nextID()), UserId: user, DeviceId: device, IssuedAt: 100, ExpiresAt: time.Now().Add(time.Hour).UnixMilli(),
	}
}

// opens reports whether a token opens a socket, for the device that it names.
func (c *clients) opens(t *testing.T, one *pb.UsedToken) bool {
	t.Helper()
	got, err := c.CheckDevice(t.Context(), &pb.CheckDeviceRequest{
		TokenId: one.GetTokenId(), UserId: one.GetUserId(), DeviceId: one.GetDeviceId(), IssuedAt: one.GetIssuedAt(), ExpiresAt: one.GetExpiresAt(),
	})
	require.NoError(t, err)
	return !got.GetTokenRevoked() && one.GetIssuedAt() >= got.GetRevokedAt()
}

// works reports whether a token is accepted for a call, and checks that CheckTokens says the same.
func (c *clients) works(t *testing.T, one *pb.UsedToken) bool {
	t.Helper()
	got, err := c.IsTokenRevoked(t.Context(), &pb.IsTokenRevokedRequest{TokenId: one.GetTokenId(), UserId: one.GetUserId(), IssuedAt: one.GetIssuedAt()})
	require.NoError(t, err)
	bare := &pb.UsedToken{TokenId: one.GetTokenId(), UserId: one.GetUserId(), IssuedAt: one.GetIssuedAt(), ExpiresAt: one.GetExpiresAt()}
	list, err := c.CheckTokens(t.Context(), &pb.CheckTokensRequest{Tokens: []*pb.UsedToken{bare}})
	require.NoError(t, err)
	require.Equal(t, []bool{got.GetRevoked()}, list.GetRefused())
	return !got.GetRevoked()
}

func (c *clients) forbid(t *testing.T, user int64, device string, at int64) *pb.ForbidDeviceResponse {
	t.Helper()
	out, err := c.ForbidDevice(t.Context(), &pb.ForbidDeviceRequest{UserId: user, DeviceId: device, At: at})
	require.NoError(t, err)
	return out
}

// deviceTokens: what a device has used is revoked with it, and nothing else.
func deviceTokens(t *testing.T, c *clients) {
	odd := "Phone ' \" \\ ? % \x00 é 😀"
	a, b := c.user(t), c.user(t)
	one, two, apart, theirs := token(a, odd), token(a, odd), token(a, "phone"), token(b, odd)
	both := &pb.UsedToken{TokenId: one.GetTokenId(), UserId: a, DeviceId: "tablet", IssuedAt: 100, ExpiresAt: one.GetExpiresAt()}
	for range 2 { // from the database, and from the cache
		for _, each := range []*pb.UsedToken{one, two, apart, theirs, both} {
			assert.True(t, c.opens(t, each))
			assert.True(t, c.works(t, each))
		}
	}
	done := c.forbid(t, a, odd, 200)
	assert.True(t, done.GetListed(), "who has used a token is in the list")
	want := []string{one.GetTokenId(), two.GetTokenId()}
	slices.Sort(want)
	assert.Equal(t, want, slices.Sorted(slices.Values(done.GetTokenIds())))
	for range 2 {
		for _, each := range []*pb.UsedToken{one, two, both} {
			assert.False(t, c.works(t, each))
			assert.False(t, c.opens(t, each))
		}
		for _, each := range []*pb.UsedToken{apart, theirs} {
			assert.True(t, c.works(t, each))
			assert.True(t, c.opens(t, each))
		}
		require.NoError(t, c.flush(t.Context()))
	}
	again := c.forbid(t, a, odd, 300)
	assert.False(t, again.GetListed())
	assert.ElementsMatch(t, want, again.GetTokenIds(), "whose sockets are to close once more")

	// An older token of another device opens nothing for it, and goes on elsewhere.
	stranger := token(a, odd)
	assert.False(t, c.opens(t, stranger))
	assert.True(t, c.works(t, stranger))
	fresh := token(a, odd)
	fresh.IssuedAt = 201
	assert.True(t, c.opens(t, fresh))
	assert.True(t, c.works(t, fresh))

	// The check of open sockets notes what the database has lost.
	lost := token(a, "lost")
	list, err := c.CheckTokens(t.Context(), &pb.CheckTokensRequest{Tokens: []*pb.UsedToken{lost, one, fresh, stranger}})
	require.NoError(t, err)
	assert.Equal(t, []bool{false, true, false, true}, list.GetRefused())
	assert.Equal(t, []string{lost.GetTokenId()}, c.forbid(t, a, "lost", 200).GetTokenIds())
	assert.False(t, c.works(t, lost))
	many := make([]*pb.UsedToken, 501)
	for i := range many {
		many[i] = lost
	}
	_, err = c.CheckTokens(t.Context(), &pb.CheckTokensRequest{Tokens: many})
	require.Error(t, err)
	list, err = c.CheckTokens(t.Context(), &pb.CheckTokensRequest{Tokens: many[1:]})
	require.NoError(t, err)
	assert.NotContains(t, list.GetRefused(), false)
}

// deviceTokenCap: when a device has more tokens than it may, those that expire first are revoked, but never the one
// that is being used.
func deviceTokenCap(t *testing.T, c *clients) {
	user := c.user(t)
	var all []*pb.UsedToken
	for i := range int64(103) {
		one := token(user, "phone")
		one.ExpiresAt += i
		assert.True(t, c.opens(t, one))
		all = append(all, one)
	}
	gone := token(user, "phone")
	gone.ExpiresAt = 1
	assert.True(t, c.opens(t, gone), "who has checked it knows when it expires")
	for i, one := range all {
		if i < 5 || i > 100 {
			assert.Equal(t, i >= 3, c.works(t, one), i)
		}
	}
	short := token(user, "phone")
	short.ExpiresAt = all[3].GetExpiresAt() - 1
	assert.True(t, c.opens(t, short))
	assert.True(t, c.works(t, short), "whoever has just logged in stays so, though all others expire later")
	assert.True(t, c.works(t, token(user, "")))
	assert.Len(t, c.forbid(t, user, "phone", 200).GetTokenIds(), 100)
}

// signOut: every token from before, and none from after.
func signOut(t *testing.T, c *clients) {
	a, b := c.user(t), c.user(t)
	one, theirs, device := token(a, ""), token(b, ""), token(a, "phone")
	out := func(before int64) int64 {
		got, err := c.SignOut(t.Context(), &pb.SignOutRequest{UserId: a, Before: before})
		require.NoError(t, err)
		return got.GetBefore()
	}
	assert.True(t, c.works(t, one) && c.works(t, theirs) && c.opens(t, device))
	assert.EqualValues(t, 101, out(101))
	assert.EqualValues(t, 101, out(90), "never back")
	fresh := token(a, "phone")
	fresh.IssuedAt = 101
	for range 2 {
		assert.False(t, c.works(t, one) || c.opens(t, device) || c.works(t, device))
		assert.True(t, c.works(t, theirs) && c.works(t, fresh) && c.opens(t, fresh))
		require.NoError(t, c.flush(t.Context()))
	}
	creds, err := c.GetCredentials(t.Context(), &pb.GetCredentialsRequest{Username: fmt.Sprint("U", a)})
	require.NoError(t, err)
	assert.EqualValues(t, 101, creds.GetSignedOutBefore())
	state, err := c.IsTokenRevoked(t.Context(), &pb.IsTokenRevokedRequest{TokenId: one.GetTokenId(), UserId: a, IssuedAt: 100})
	require.NoError(t, err)
	assert.EqualValues(t, 101, state.GetSignedOutBefore())
}

// orphans are tokens of users who do not exist, as after the return of an older copy of
// the database.
func orphans(t *testing.T, c *clients) {
	for range 2 {
		assert.False(t, c.works(t, token(nextID(), "")))
		assert.False(t, c.opens(t, token(nextID(), "phone")))
	}
}

// revokedInUse: whatever happens first, no token survives its device.
func revokedInUse(t *testing.T, c *clients) {
	user := c.user(t)
	for i := range 20 {
		device := fmt.Sprint("d", i)
		first := token(user, device)
		require.True(t, c.opens(t, first))
		second := token(user, device)
		var wg sync.WaitGroup
		var opened bool
		wg.Go(func() { opened = c.opens(t, second) })
		wg.Go(func() { c.forbid(t, user, device, 200) })
		wg.Wait()
		require.False(t, c.works(t, first))
		if opened {
			require.False(t, c.works(t, second), "it was used before")
		}
		require.False(t, c.opens(t, second))
	}
}
