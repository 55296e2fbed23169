package auth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// verified answers for every token.
type verified struct {
	who Identity
	err error
}

func (v verified) Verify(context.Context, string) (Identity, error) { return v.who, v.err }

// TestTokensOfAVerifier: an identity that a verifier returns is held to the same rules as this service's own
// tokens.
func TestTokensOfAVerifier(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	good := Identity{User: 7, TokenID: "badge", Issued: time.UnixMilli(5), Expires: hour}
	for name, c := range map[string]struct {
		verified verified
		want     contracts.Code // "": it is good
	}{
		"genuine":             {verified{who: good}, ""},
		"refused":             {verified{err: errors.New("forged")}, contracts.CodeUnauthenticated},
		"nobody can be asked": {verified{err: contracts.NewError(contracts.CodeUnavailable, "")}, contracts.CodeUnavailable},
		"not of its kind":     {verified{err: ErrNotMine}, contracts.CodeUnauthenticated},
		"of no user":          {verified{who: Identity{TokenID: "badge", Expires: hour}}, contracts.CodeUnauthenticated},
		"without an id":       {verified{who: Identity{User: 7, Expires: hour}}, contracts.CodeUnauthenticated},
		"with a long id":      {verified{who: Identity{User: 7, TokenID: strings.Repeat("x", 65), Expires: hour}}, contracts.CodeUnauthenticated},
		"expired":             {verified{who: Identity{User: 7, TokenID: "badge", Expires: time.Now()}}, contracts.CodeUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.deps.Verifier = c.verified
			who, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: "a token of somebody else"})
			if c.want != "" {
				wantCode(t, err, c.want)
				return
			}
			if err != nil || who.GetUserId() != 7 || who.GetTokenId() != "badge" || who.GetIssuedAt() != 5 || who.GetExpiresAt() != hour.UnixMilli() {
				t.Errorf("got %v, %v", who, err)
			}
		})
	}
}

// TestTokensThatAVerifierLeavesToUs are checked as tokens that this service has issued.
func TestTokensThatAVerifierLeavesToUs(t *testing.T) {
	b := newBench(t)
	grant := b.ann(t)
	b.deps.Verifier = verified{err: ErrNotMine}
	if _, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: grant.GetToken()}); err != nil {
		t.Error(err)
	}
	b.deps.Verifier = verified{err: errors.New("only badges")}
	_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: grant.GetToken()})
	wantCode(t, err, contracts.CodeUnauthenticated)
}

// TestLogoutOfAVerifiersToken: the token is revoked by its id, and refused although the verifier still accepts
// it.
func TestLogoutOfAVerifiersToken(t *testing.T) {
	b := newBench(t)
	b.deps.Verifier = verified{who: Identity{User: 7, TokenID: "badge", Expires: time.Now().Add(time.Hour)}}
	if _, err := b.Logout(t.Context(), &pb.LogoutRequest{Token: "any"}); err != nil {
		t.Fatal(err)
	}
	if !b.store.revoked["badge"] {
		t.Error("it is not revoked")
	}
	_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: "any"})
	wantCode(t, err, contracts.CodeUnauthenticated)
}
