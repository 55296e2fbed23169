package auth

import (
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestTokensFromBeforeARevocation open no socket for the revoked device, even one that never used them; newer
// tokens do.
func TestTokensFromBeforeARevocation(t *testing.T) {
	b := newBench(t)
	token := b.ann(t).GetToken()
	now := time.Now()
	who, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token, DeviceId: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	if off := now.UnixMilli() - who.GetIssuedAt(); off < 0 || off > time.Minute.Milliseconds() {
		t.Errorf("issued at %d, now it is %d", who.GetIssuedAt(), now.UnixMilli())
	}
	for what, tt := range map[string]struct {
		revokedAt int64
		device    string
		refused   bool
	}{
		"never":            {0, "phone", false},
		"before the token": {who.GetIssuedAt() - 1, "phone", false},
		"after the token, within the same second": {who.GetIssuedAt() + 1, "phone", true},
		"long after":     {who.GetIssuedAt() + 1e6, "phone", true},
		"another device": {who.GetIssuedAt() + 1, "laptop", false},
		"no device":      {who.GetIssuedAt() + 1, "", false},
	} {
		t.Run(what, func(t *testing.T) {
			b.store.devices["phone"] = tt.revokedAt
			_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token, DeviceId: tt.device})
			if tt.refused {
				wantCode(t, err, contracts.CodeUnauthenticated)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	if last := b.store.checked[0]; last.GetUserId() != who.GetUserId() || last.GetTokenId() != who.GetTokenId() || last.GetDeviceId() != "phone" ||
		last.GetIssuedAt() != who.GetIssuedAt() || last.GetExpiresAt() != who.GetExpiresAt() {
		t.Errorf("asked for %v", last)
	}
}

// TestTokensThatDoNotSayTheMillisecond count as issued at the start of their second.
func TestTokensThatDoNotSayTheMillisecond(t *testing.T) {
	b := newBench(t)
	second := time.Now().Add(-time.Minute).Unix()
	for _, tt := range []struct {
		iat       any
		revokedAt int64
		refused   bool
	}{{second, second * 1000, false}, {second, second*1000 + 1, true}, {nil, 1, true}, {nil, 0, false}} {
		token := forge(t, jwt.SigningMethodHS256, []byte(keyNew), nil, change{"iat": tt.iat})
		b.store.devices["phone"] = tt.revokedAt
		_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token, DeviceId: "phone"})
		if refused := err != nil; refused != tt.refused {
			t.Errorf("issued at %v, revoked at %d: %v", tt.iat, tt.revokedAt, err)
		}
	}
}

func TestAuthenticateWithADevice(t *testing.T) {
	b := newBench(t)
	token := b.ann(t).GetToken()
	if _, err := b.Logout(t.Context(), &pb.LogoutRequest{Token: token}); err != nil {
		t.Fatal(err)
	}
	_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token, DeviceId: "phone"})
	wantCode(t, err, contracts.CodeUnauthenticated)
	b.store.isRevokedErr = contracts.NewError(contracts.CodeUnavailable, "")
	_, err = b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token, DeviceId: "phone"})
	wantCode(t, err, contracts.CodeUnavailable)
}
