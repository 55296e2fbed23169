package auth

import (
	"context"
	"errors"
	"testing"

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
