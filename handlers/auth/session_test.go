package auth

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestLogoutRevokesOneTokenAndClosesItsSockets(t *testing.T) {
	b := newBench(t)
	grant := b.ann(t)
	other, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"})
	if err != nil {
		t.Fatal(err)
	}
	who, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: grant.GetToken()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Logout(t.Context(), &pb.LogoutRequest{Token: grant.GetToken()}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: grant.GetToken()})
	wantCode(t, err, contracts.CodeUnauthenticated)
	if _, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: other.GetGrant().GetToken()}); err != nil {
		t.Errorf("another token of the same user: %v", err)
	}
	if len(b.notes.sent) != 1 {
		t.Fatalf("%d notifications, want 1", len(b.notes.sent))
	}
	n := b.notes.sent[0]
	c := n.d.GetClose()
	if len(n.to) != 1 || int64(n.to[0]) != who.GetUserId() || n.d.GetEveryone() || len(n.d.GetFrame()) != 0 {
		t.Errorf("told %v: %v", n.to, n.d)
	}
	if c.GetCode() != 4001 || c.GetReason() != "revoked" || c.GetTokenId() != who.GetTokenId() || c.GetDeviceId() != "" {
		t.Errorf("close is %v, want 4001 for the sockets of %s", c, who.GetTokenId())
	}
}

func TestLogoutTwiceClosesTwiceAndIsRefused(t *testing.T) {
	b := newBench(t)
	in := &pb.LogoutRequest{Token: b.ann(t).GetToken()}
	if _, err := b.Logout(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	_, err := b.Logout(t.Context(), in)
	wantCode(t, err, contracts.CodeUnauthenticated)
	if len(b.notes.sent) != 2 {
		t.Errorf("%d notifications, want 2: the first may have been lost", len(b.notes.sent))
	}
}

func TestLogoutFails(t *testing.T) {
	tests := map[string]struct {
		breakIt func(*bench)
		want    contracts.Code
		revoked bool
	}{
		"it is not known whether revoked": {func(b *bench) { b.store.isRevokedErr = contracts.NewError(contracts.CodeUnavailable, "") }, contracts.CodeUnavailable, false},
		"the store is down":               {func(b *bench) { b.store.revokeErr = contracts.NewError(contracts.CodeUnavailable, "") }, contracts.CodeUnavailable, false},
		"the store breaks":                {func(b *bench) { b.store.revokeErr = errors.New("disk is full") }, contracts.CodeInternal, false},
		"no gateway is told":              {func(b *bench) { b.notes.err = errors.New("broker is down") }, contracts.CodeUnavailable, true},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			token := b.ann(t).GetToken()
			tt.breakIt(b)
			_, err := b.Logout(t.Context(), &pb.LogoutRequest{Token: token})
			wantCode(t, err, tt.want)
			if got := len(b.store.revoked) == 1; got != tt.revoked {
				t.Errorf("revoked is %t, want %t", got, tt.revoked)
			}
			if !tt.revoked && len(b.notes.sent) != 0 {
				t.Error("sockets are closed of a token that still is valid")
			}
		})
	}
}

func TestLogoutClosesSocketsThoughTheCallerHasGone(t *testing.T) {
	b := newBench(t)
	token := b.ann(t).GetToken()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Logout(ctx, &pb.LogoutRequest{Token: token}); err != nil {
		t.Fatal(err)
	}
	if len(b.notes.sent) != 1 || b.notes.sent[0].err != nil {
		t.Errorf("notifications are %v, want one that still has time", b.notes.sent)
	}
}

func TestAuthenticateWhenRevocationsCannotBeRead(t *testing.T) {
	for want, cause := range map[contracts.Code]error{
		contracts.CodeUnavailable: contracts.NewError(contracts.CodeUnavailable, ""),
		contracts.CodeInternal:    errors.New("no such table"),
	} {
		b := newBench(t)
		token := b.ann(t).GetToken()
		b.store.isRevokedErr = cause
		_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token})
		wantCode(t, err, want)
	}
}

// TestSignOutEverywhere revokes every token from before and none from after.
func TestSignOutEverywhere(t *testing.T) {
	b := newBench(t)
	first := b.ann(t)
	user := first.GetUser().GetUserId()
	login := func() string {
		resp, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetGrant().GetToken()
	}
	check := func(token string) error {
		_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token})
		return err
	}
	second := login()
	everywhere := func(token string) error {
		_, err := b.Logout(t.Context(), &pb.LogoutRequest{Token: token, Everywhere: true})
		return err
	}
	b.notes.err = errors.New("broker")
	wantCode(t, everywhere(second), contracts.CodeUnavailable)
	b.notes.err = nil
	wantCode(t, everywhere(second), contracts.CodeUnauthenticated)
	for i, n := range b.notes.sent {
		c := n.d.GetClose()
		if n.to[0] != contracts.UserID(user) || c.GetCode() != 4001 || c.GetTokenId() != "" || c.GetDeviceId() != "" || c.GetIssuedBefore() != b.store.before[user] {
			t.Errorf("order %d: %v to %v", i, c, n.to)
		}
	}
	if len(b.notes.sent) != 2 {
		t.Errorf("told %d times: the second call closes once more", len(b.notes.sent))
	}
	wantCode(t, check(first.GetToken()), contracts.CodeUnauthenticated)
	wantCode(t, check(second), contracts.CodeUnauthenticated)
	third := login()
	if err := check(third); err != nil {
		t.Errorf("a login in the same millisecond: %v", err)
	}
	b.store.before[user] += time.Hour.Milliseconds() // by a process whose clock is ahead
	if err := check(login()); err != nil {
		t.Errorf("a login by a process whose clock is behind: %v", err)
	}
	b.store.revokeErr = contracts.NewError(contracts.CodeUnavailable, "")
	wantCode(t, everywhere(login()), contracts.CodeUnavailable)
}

func TestRecheck(t *testing.T) {
	b := newBench(t)
	b.store.revoked["b"] = true
	ask := func(n int) (*pb.RecheckResponse, error) {
		in := &pb.RecheckRequest{Tokens: []*pb.UsedToken{{TokenId: "a"}, {TokenId: "b"}}}
		for len(in.GetTokens()) < n {
			in.Tokens = append(in.Tokens, &pb.UsedToken{TokenId: "c"})
		}
		return b.Recheck(t.Context(), in)
	}
	resp, err := ask(3)
	if err != nil || !slices.Equal(resp.GetRefused(), []bool{false, true, false}) {
		t.Errorf("got %v, %v", resp, err)
	}
	_, err = ask(contracts.TokensBatch + 1)
	wantCode(t, err, contracts.CodeInvalidArgument)
	b.store.isRevokedErr = contracts.NewError(contracts.CodeUnavailable, "")
	_, err = ask(2)
	wantCode(t, err, contracts.CodeUnavailable)
}
