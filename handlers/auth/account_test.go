package auth

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestRegisterLimits(t *testing.T) {
	const name, pass = "ann", "password"
	tests := map[string]struct {
		username, password, nickname string
		wrong                        []string
	}{
		"name at the shortest":       {"abc", pass, "", nil},
		"name one too short":         {"ab", pass, "", []string{"username"}},
		"name at the longest":        {strings.Repeat("a", 32), pass, "", nil},
		"name one too long":          {strings.Repeat("a", 33), pass, "", []string{"username"}},
		"name with every kind":       {"aZ09_.-", pass, "", nil},
		"name with a space":          {"an n", pass, "", []string{"username"}},
		"name with an umlaut":        {"änna", pass, "", []string{"username"}},
		"name with an at":            {"ann@home", pass, "", []string{"username"}},
		"name with a null byte":      {"ann\x00", pass, "", []string{"username"}},
		"no name":                    {"", pass, "", []string{"username"}},
		"password at the shortest":   {name, strings.Repeat("p", 8), "", nil},
		"password one too short":     {name, strings.Repeat("p", 7), "", []string{"password"}},
		"password at the longest":    {name, strings.Repeat("p", 72), "", nil},
		"password one too long":      {name, strings.Repeat("p", 73), "", []string{"password"}},
		"password in bytes, long":    {name, strings.Repeat("ä", 37), "", []string{"password"}},
		"password in bytes, short":   {name, strings.Repeat("ä", 4), "", nil},
		"no password":                {name, "", "", []string{"password"}},
		"nickname at the shortest":   {name, pass, "A", nil},
		"nickname at the longest":    {name, pass, strings.Repeat("ä", 64), nil},
		"nickname one too long":      {name, pass, strings.Repeat("ä", 65), []string{"nickname"}},
		"nickname of no UTF-8":       {name, pass, "a\xff", []string{"nickname"}},
		"nickname with a line break": {name, pass, "A\nB", []string{"nickname"}},
		"two wrong":                  {"x", "y", "", []string{"password", "username"}},
		"all wrong":                  {"x", "y", strings.Repeat("n", 65), []string{"nickname", "password", "username"}},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			hashes := b.hasher.hashes
			resp, err := b.Register(t.Context(), &pb.RegisterRequest{
				Username: tt.username, Password: tt.password, Nickname: tt.nickname,
			})
			if tt.wrong == nil {
				if err != nil || resp.GetGrant().GetUser().GetUsername() != tt.username {
					t.Fatalf("got %v, %v; want an account", resp, err)
				}
				return
			}
			e := wantCode(t, err, contracts.CodeInvalidArgument)
			if got := slices.Sorted(maps.Keys(e.Fields)); !slices.Equal(got, tt.wrong) {
				t.Errorf("wrong fields are %q, want %q", got, tt.wrong)
			}
			for _, field := range tt.wrong {
				if e.Fields[field] == "" || !strings.Contains(e.Message, field+": "+e.Fields[field]) {
					t.Errorf("the message %q does not say what %s must be (%q)", e.Message, field, e.Fields[field])
				}
			}
			if b.hasher.hashes != hashes || len(b.store.accounts) != 0 {
				t.Error("a wrong form was worked on")
			}
		})
	}
}

func TestRegisterMakesAnAccountAndAToken(t *testing.T) {
	b := newBench(t)
	before := time.Now().UnixMilli()
	grant := b.ann(t)
	u := grant.GetUser()
	if u.GetUserId() != 1 || u.GetUsername() != "ann" || u.GetNickname() != "ann" || u.GetCreatedAt() < before {
		t.Errorf("user is %v", u)
	}
	who, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: grant.GetToken()})
	if err != nil || who.GetUserId() != 1 || who.GetTokenId() == "" || who.GetExpiresAt() != grant.GetExpiresAt() {
		t.Errorf("the token says %v, %v", who, err)
	}
	if got := b.store.accounts["ann"].GetPasswordHash(); got != "hash of password" {
		t.Errorf("stored %q for the password", got)
	}
	_, err = b.Register(t.Context(), &pb.RegisterRequest{Username: "ANN", Password: "password"})
	wantCode(t, err, contracts.CodeUsernameTaken)
}

func TestRegisterFails(t *testing.T) {
	tests := map[string]struct {
		breakIt func(*bench)
		want    contracts.Code
	}{
		"the store says already_exists": {func(b *bench) { b.store.createErr = contracts.NewError(contracts.CodeAlreadyExists, "") }, contracts.CodeUsernameTaken},
		"the store is down":             {func(b *bench) { b.store.createErr = contracts.NewError(contracts.CodeUnavailable, "") }, contracts.CodeUnavailable},
		"the store takes no deadline":   {func(b *bench) { b.store.createErr = context.DeadlineExceeded }, contracts.CodeUnavailable},
		"the store refuses our call":    {func(b *bench) { b.store.createErr = contracts.Invalid("user", "set") }, contracts.CodeInternal},
		"no ids":                        {func(b *bench) { b.store.idErr = errors.New("clock went back") }, contracts.CodeUnavailable},
		"the hasher breaks":             {func(b *bench) { b.hasher.err = errors.New("no entropy") }, contracts.CodeInternal},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			tt.breakIt(b)
			resp, err := b.Register(t.Context(), &pb.RegisterRequest{Username: "ann", Password: "password"})
			if e := wantCode(t, err, tt.want); len(e.Fields) != 0 || resp != nil {
				t.Errorf("got %v and the fields %v", resp, e.Fields)
			}
		})
	}
}

func TestLoginLimits(t *testing.T) {
	tests := map[string]struct {
		username, password string
		want               contracts.Code
		wrong              []string
	}{
		"short password is only wrong":  {"ann", "p", contracts.CodeInvalidCredentials, nil},
		"longest password is wrong":     {"ann", strings.Repeat("p", 72), contracts.CodeInvalidCredentials, nil},
		"password one too long":         {"ann", strings.Repeat("p", 73), contracts.CodeInvalidArgument, []string{"password"}},
		"no password":                   {"ann", "", contracts.CodeInvalidArgument, []string{"password"}},
		"short name is only unknown":    {"a", "password", contracts.CodeInvalidCredentials, nil},
		"longest name is only unknown":  {strings.Repeat("a", 32), "password", contracts.CodeInvalidCredentials, nil},
		"name one too long":             {strings.Repeat("a", 33), "password", contracts.CodeInvalidArgument, []string{"username"}},
		"name that nobody can have":     {"an n", "password", contracts.CodeInvalidArgument, []string{"username"}},
		"neither name nor password":     {"", "", contracts.CodeInvalidArgument, []string{"password", "username"}},
		"both one over their borders":   {strings.Repeat("a", 33), strings.Repeat("p", 73), contracts.CodeInvalidArgument, []string{"password", "username"}},
		"password in the wrong letters": {"ann", "PASSWORD", contracts.CodeInvalidCredentials, nil},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.ann(t)
			_, err := b.Login(t.Context(), &pb.LoginRequest{Username: tt.username, Password: tt.password})
			e := wantCode(t, err, tt.want)
			if got := slices.Sorted(maps.Keys(e.Fields)); !slices.Equal(got, tt.wrong) {
				t.Errorf("wrong fields are %q, want %q", got, tt.wrong)
			}
		})
	}
}

func TestLoginAfterLimitsBecameNarrower(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Limits = contracts.DefaultLimits()
		c.Limits.UsernameMin, c.Limits.UsernameMax, c.Limits.PasswordMin = 8, 10, 12
	})
	for _, name := range []string{"ann", strings.Repeat("a", 32)} {
		b.store.accounts[name] = &pb.GetCredentialsResponse{User: &pb.User{UserId: 7, Username: name}, PasswordHash: "hash of password"}
		if _, err := b.Login(t.Context(), &pb.LoginRequest{Username: name, Password: "password"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := b.Register(t.Context(), &pb.RegisterRequest{Username: "bob", Password: "password"})
	wantCode(t, err, contracts.CodeInvalidArgument)
}

func TestLogin(t *testing.T) {
	b := newBench(t)
	first := b.ann(t)
	resp, err := b.Login(t.Context(), &pb.LoginRequest{Username: "Ann", Password: "password"})
	if err != nil {
		t.Fatal(err)
	}
	second := resp.GetGrant()
	if second.GetUser().GetUserId() != first.GetUser().GetUserId() || second.GetToken() == first.GetToken() {
		t.Errorf("a login got %v after %v", second, first)
	}
	if _, err := b.Authenticate(t.Context(), &pb.AuthenticateRequest{Token: second.GetToken()}); err != nil {
		t.Error(err)
	}
}

func TestUnknownNameCostsWhatAWrongPasswordCosts(t *testing.T) {
	b := newBench(t)
	b.ann(t)
	login := func(name string) (*contracts.Error, int, string) {
		before := b.hasher.count()
		_, err := b.Login(t.Context(), &pb.LoginRequest{Username: name, Password: "guessed1"})
		e := wantCode(t, err, contracts.CodeInvalidCredentials)
		return e, b.hasher.count() - before, b.hasher.compared[len(b.hasher.compared)-1]
	}
	wrong, wrongCost, _ := login("ann")
	unknown, unknownCost, stand := login("bob")
	if wrongCost != 1 || unknownCost != wrongCost {
		t.Errorf("a wrong password costs %d comparisons, an unknown name %d; want 1 and 1", wrongCost, unknownCost)
	}
	if !strings.HasPrefix(stand, "hash of ") {
		t.Errorf("an unknown name is compared with %q, which costs nothing", stand)
	}
	// The causes must be alike as well: logs have them, and whoever reads logs could tell which names exist.
	if wrong.Error() != unknown.Error() || wrong.GRPCStatus().String() != unknown.GRPCStatus().String() {
		t.Errorf("a wrong password gets %v, an unknown name %v", wrong, unknown)
	}
}

func TestTheStandInPasswordLogsNobodyIn(t *testing.T) {
	b := newBench(t)
	secret := strings.TrimPrefix(b.dummy, "hash of ")
	_, err := b.Login(t.Context(), &pb.LoginRequest{Username: "bob", Password: secret})
	wantCode(t, err, contracts.CodeInvalidCredentials)
}

func TestLoginFails(t *testing.T) {
	tests := map[string]struct {
		breakIt func(*bench)
		want    contracts.Code
	}{
		"the store is down":          {func(b *bench) { b.store.credentialsErr = contracts.NewError(contracts.CodeUnavailable, "") }, contracts.CodeUnavailable},
		"the store breaks":           {func(b *bench) { b.store.credentialsErr = errors.New("no such column") }, contracts.CodeInternal},
		"the store is not let in":    {func(b *bench) { b.store.credentialsErr = contracts.NewError(contracts.CodeUnauthenticated, "") }, contracts.CodeInternal},
		"the stored hash is damaged": {func(b *bench) { b.store.accounts["ann"].PasswordHash = "?" }, contracts.CodeInternal},
		"the store names no user":    {func(b *bench) { b.store.accounts["ann"].User = nil }, contracts.CodeInternal},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.ann(t)
			tt.breakIt(b)
			_, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"})
			wantCode(t, err, tt.want)
		})
	}
}

func TestAnOutageIsNoGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attempts = 3
		b := newBench(t, func(c *Config) { c.LoginAttempts, c.LoginWindow = attempts, time.Minute })
		b.ann(t)
		login := func(password string) error {
			_, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: password})
			return err
		}
		wantCode(t, login("guessed1"), contracts.CodeInvalidCredentials)
		b.store.credentialsErr = contracts.NewError(contracts.CodeUnavailable, "")
		for range 10 * attempts {
			wantCode(t, login("password"), contracts.CodeUnavailable)
		}
		// Slow failures give their attempts back as well, although a reservation's time has passed by then.
		b.store.credentialsErr, b.store.slow = context.DeadlineExceeded, time.Millisecond
		for range 10 * attempts {
			wantCode(t, login("password"), contracts.CodeUnavailable)
		}
		b.store.credentialsErr, b.store.slow = nil, 0
		for range attempts - 1 {
			wantCode(t, login("guessed2"), contracts.CodeInvalidCredentials)
		}
		wantCode(t, login("password"), contracts.CodeRateLimited) // failures do not add attempts either
	})
}

func TestLoginThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attempts = 6 // one is regained every ten seconds
		b := newBench(t, func(c *Config) { c.LoginAttempts, c.LoginWindow = attempts, time.Minute })
		b.ann(t)
		login := func(name, password string) error {
			_, err := b.Login(t.Context(), &pb.LoginRequest{Username: name, Password: password})
			return err
		}
		for range attempts - 1 {
			wantCode(t, login("ann", "guessed1"), contracts.CodeInvalidCredentials)
		}
		if err := login("ann", "password"); err != nil {
			t.Fatalf("the last attempt with the right password: %v", err)
		}
		for range attempts { // the right password gave all of them back
			wantCode(t, login("ann", "guessed1"), contracts.CodeInvalidCredentials)
		}
		asked, compared := b.store.asked, b.hasher.count()
		if e := wantCode(t, login("ANN", "password"), contracts.CodeRateLimited); e.RetryAfterSeconds != 10 {
			t.Errorf("retry after %d s, want 10", e.RetryAfterSeconds)
		}
		if b.store.asked != asked || b.hasher.count() != compared {
			t.Error("a throttled attempt was worked on")
		}
		wantCode(t, login("bob", "guessed1"), contracts.CodeInvalidCredentials) // others go on
		time.Sleep(9500 * time.Millisecond)
		if e := wantCode(t, login("ann", "password"), contracts.CodeRateLimited); e.RetryAfterSeconds != 1 {
			t.Errorf("retry after %d s, want 1: rounded up, never 0", e.RetryAfterSeconds)
		}
		time.Sleep(500 * time.Millisecond)
		if err := login("ann", "password"); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}
