package blackbox

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refused reports whether every gateway refuses the user's token, over HTTP and for
// sockets, with any or no device.
func (u *user) refused() bool {
	u.t.Helper()
	for range len(bases) {
		if u.get("/api/users/me").Status != 401 {
			return false
		}
		for _, device := range []string{"", "phone", "another"} {
			if u.refusedWith(device) != 401 {
				return false
			}
		}
	}
	return true
}

// TestRevokedDeviceLosesItsTokens: after a device is revoked, every token that it has used is refused,
// over HTTP and for sockets of no or another device, and open sockets with these tokens close.
func TestRevokedDeviceLosesItsTokens(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	stolen, shared := u.again(), u.again()
	require.Equal(t, http.StatusSwitchingProtocols, shared.refusedWith("phone"))
	sockets := []*socket{stolen.open("phone"), stolen.open(""), stolen.open("another"), shared.open(""), shared.open("tablet")}
	mine, elsewhere := u.open("laptop"), u.open("")
	begin := time.Now()
	require.Equal(t, 204, u.remove("/api/devices/phone").Status)
	assert.True(t, stolen.refused())
	assert.True(t, shared.refused(), "a token of two devices goes with either")
	for i, s := range sockets {
		assert.Equal(t, "revoked", s.close(4001).Text, i)
	}
	t.Logf("refused and closed after %s", time.Since(begin))
	assert.Equal(t, 200, u.get("/api/users/me").Status, "the phone has never used this one")
	mine.nothing("error")
	elsewhere.nothing("error")
	assert.Equal(t, 404, u.remove("/api/devices/phone").Status)
	fresh := u.again()
	fresh.open("phone")
	assert.Equal(t, 200, fresh.get("/api/users/me").Status, "it has logged in anew")
}

// TestSignOutEverywhere ends every token and every socket of the user, and nobody else's.
func TestSignOutEverywhere(t *testing.T) {
	t.Parallel()
	u, stranger := newUser(t), newUser(t)
	other, bare := u.again(), u.again()
	sockets := []*socket{u.open("phone"), other.open("laptop"), bare.open("")}
	theirs := stranger.open("phone")
	for _, bad := range []string{`{"everywhere":"yes"}`, `{"everywhere":1}`, `[]`, `{`} {
		assert.Equal(t, 400, call(t, "POST", "/api/auth/logout", u.token, []byte(bad)).Status, bad)
	}
	begin := time.Now()
	require.Equal(t, 204, other.post("/api/auth/logout", obj{"everywhere": true}).Status)
	for _, one := range []*user{u, other, bare} {
		assert.True(t, one.refused())
	}
	for _, s := range sockets {
		assert.Equal(t, "revoked", s.close(4001).Text)
	}
	t.Logf("refused and closed after %s", time.Since(begin))
	assert.Equal(t, 401, other.post("/api/auth/logout", obj{"everywhere": true}).Status)
	fresh := u.again()
	assert.Equal(t, 200, fresh.get("/api/users/me").Status, "at once")
	fresh.open("phone")
	assert.Equal(t, 200, stranger.get("/api/users/me").Status)
	theirs.nothing("error")

	for _, body := range []any{nil, obj{}, obj{"everywhere": false}, obj{"everywhere": nil}} {
		one := u.again()
		if body == nil {
			require.Equal(t, 204, call(t, "POST", "/api/auth/logout", one.token, nil).Status)
		} else {
			require.Equal(t, 204, one.post("/api/auth/logout", body).Status)
		}
		assert.True(t, one.refused())
		assert.Equal(t, 200, fresh.get("/api/users/me").Status, "this token only")
	}
	assert.Equal(t, http.StatusSwitchingProtocols, fresh.refusedWith("tablet"))
}
