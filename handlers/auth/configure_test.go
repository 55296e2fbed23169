package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestKeysRotateWithoutARestart: tokens of a key that stays are accepted, those of a removed key are not, and
// invalid keys change nothing.
func TestKeysRotateWithoutARestart(t *testing.T) {
	b := newBench(t)
	old := b.ann(t).GetToken()
	cfg := config()
	configure := func(keys map[string]string, active string) error {
		cfg.Keys, cfg.ActiveKey = keys, active
		return b.Configure(cfg)
	}
	good := func(token string) error {
		_, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: token})
		return err
	}
	both := map[string]string{"next": strings.Repeat("n", 32)}
	for kid, secret := range config().Keys {
		both[kid] = secret
	}
	if err := configure(both, "next"); err != nil {
		t.Fatal(err)
	}
	out, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"})
	if err != nil {
		t.Fatal(err)
	}
	if err := good(old); err != nil {
		t.Errorf("a token of a key that stays: %v", err)
	}
	if err := configure(map[string]string{"next": strings.Repeat("n", 32)}, "next"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, good(old), contracts.CodeUnauthenticated)
	if err := configure(map[string]string{"short": "x"}, "short"); err == nil {
		t.Error("a short key is taken")
	}
	if err := good(out.GetGrant().GetToken()); err != nil {
		t.Errorf("after keys that make no sense: %v", err)
	}
}

// TestLimitsAndAttemptsChangeWithoutARestart.
func TestLimitsAndAttemptsChangeWithoutARestart(t *testing.T) {
	b := newBench(t)
	b.ann(t)
	cfg := config()
	cfg.Limits = contracts.DefaultLimits()
	cfg.Limits.UsernameMax, cfg.LoginAttempts, cfg.LoginWindow = 5, 1, time.Hour
	if err := b.Configure(cfg); err != nil {
		t.Fatal(err)
	}
	_, err := b.Register(t.Context(), &pb.RegisterRequest{Username: "longer", Password: "password"})
	wantCode(t, err, contracts.CodeInvalidArgument)
	guess := func() error {
		_, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "guessed1", Address: "a"})
		return err
	}
	wantCode(t, guess(), contracts.CodeInvalidCredentials)
	wantCode(t, guess(), contracts.CodeRateLimited)
}
