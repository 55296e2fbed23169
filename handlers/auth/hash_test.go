package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// gated fills all places of the hasher and of its queue with logins that wait
// until the gate opens; results has what became of them.
func gated(t *testing.T, workers, queue int) (b *bench, open func(), results <-chan error) {
	t.Helper()
	b = newBench(t, func(c *Config) { c.HashWorkers, c.HashQueue = workers, queue })
	b.ann(t)
	b.hasher.gate = make(chan struct{})
	out := make(chan error, workers+queue)
	for range workers + queue {
		go func() {
			_, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"})
			out <- err
		}()
	}
	synctest.Wait()
	if got := b.hasher.count(); got != workers {
		t.Errorf("%d passwords are hashed at once, want %d", got, workers)
	}
	return b, sync.OnceFunc(func() { close(b.hasher.gate) }), out
}

func TestFullHashQueueIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, queue = 2, 3
		b, open, results := gated(t, workers, queue)
		defer open()
		_, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"})
		if wantCode(t, err, contracts.CodeUnavailable); !errors.Is(err, errHashQueueFull) {
			t.Errorf("the cause is %v", err)
		}
		_, err = b.Login(t.Context(), &pb.LoginRequest{Username: "bob", Password: "password"})
		wantCode(t, err, contracts.CodeUnavailable)
		_, err = b.Register(t.Context(), &pb.RegisterRequest{Username: "bob", Password: "password"})
		wantCode(t, err, contracts.CodeUnavailable)
		if b.store.accounts["bob"] != nil {
			t.Error("an account was made without a hash")
		}
		open()
		for range workers + queue {
			if err := <-results; err != nil {
				t.Errorf("who waited got %v", err)
			}
		}
		// There is room again.
		if _, err := b.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"}); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoGivesUpWaitingLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, open, results := gated(t, 1, 1)
		defer open()
		b.pool.queue = 2
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 3 { // a login that gave up must have left the queue, or the next one finds it full
			_, err := b.Login(ctx, &pb.LoginRequest{Username: "ann", Password: "password"})
			if wantCode(t, err, contracts.CodeUnavailable); errors.Is(err, errHashQueueFull) {
				t.Error(err)
			}
		}
		open()
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if got := b.hasher.count(); got != 2 {
			t.Errorf("%d passwords were hashed, want 2: nobody waits for the others", got)
		}
	})
}

func TestNothingIsHashedForACallerWhoHasGone(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Login(ctx, &pb.LoginRequest{Username: "ann", Password: "password"})
	wantCode(t, err, contracts.CodeUnavailable)
	if b.hasher.count() != 0 {
		t.Error("a password was hashed")
	}
}

func TestBcrypt(t *testing.T) {
	for cost, ok := range map[int]bool{3: false, 4: true, 16: true, 17: false, -1: false} {
		if _, err := NewBcrypt(cost); (err == nil) != ok {
			t.Errorf("cost %d: %v", cost, err)
		}
	}
	b, err := NewBcrypt(4)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("p", 72)
	hash, err := b.Hash(long)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Hash(long)
	if err != nil || again == hash || strings.Contains(hash, "ppp") {
		t.Errorf("hashes are %q and %q, %v: want two salts and no password", hash, again, err)
	}
	for password, want := range map[string]bool{long: true, long[1:]: false, long[1:] + "q": false, "": false} {
		if got, err := b.Matches(hash, password); err != nil || got != want {
			t.Errorf("a password of %d bytes matches: %t, %v; want %t", len(password), got, err, want)
		}
	}
	if _, err := b.Hash(long + "p"); err == nil {
		t.Error("a password is cut without a word")
	}
	if _, err := b.Matches("plain text", "plain text"); err == nil {
		t.Error("no error for what is no hash")
	}
}

func TestNewRefusesAConfiguration(t *testing.T) {
	tests := map[string]func(*Config, *Deps){
		"no keys":                    func(c *Config, _ *Deps) { c.Keys = nil },
		"no active key":              func(c *Config, _ *Deps) { c.ActiveKey = "" },
		"active key is unknown":      func(c *Config, _ *Deps) { c.ActiveKey = "newer" },
		"secret one byte too short":  func(c *Config, _ *Deps) { c.Keys["new"] = keyNew[1:] },
		"other secret is too short":  func(c *Config, _ *Deps) { c.Keys["old"] = "" },
		"key id in upper case":       func(c *Config, _ *Deps) { c.Keys["New"] = keyNew },
		"key id one too long":        func(c *Config, _ *Deps) { c.Keys[strings.Repeat("k", 65)] = keyNew },
		"token_ttl under a second":   func(c *Config, _ *Deps) { c.TokenTTL = time.Second - 1 },
		"token_ttl negative":         func(c *Config, _ *Deps) { c.TokenTTL = -time.Hour },
		"hash_workers negative":      func(c *Config, _ *Deps) { c.HashWorkers = -1 },
		"hash_queue negative":        func(c *Config, _ *Deps) { c.HashQueue = -1 },
		"login_attempts negative":    func(c *Config, _ *Deps) { c.LoginAttempts = -1 },
		"notify_timeout negative":    func(c *Config, _ *Deps) { c.NotifyTimeout = -1 },
		"passwords that bcrypt cuts": func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.PasswordMax = 73 },
		"empty passwords":            func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.PasswordMin = 0 },
		"passwords crossed":          func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.PasswordMin = 73 },
		"no names":                   func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.UsernameMax = 2 },
		"empty names":                func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.UsernameMin = 0 },
		"no nicknames":               func(c *Config, _ *Deps) { c.Limits = contracts.DefaultLimits(); c.Limits.NicknameMax = 0 },
		"bcrypt_cost too high":       func(c *Config, d *Deps) { c.BcryptCost, d.Hasher = 17, nil },
		"no accounts":                func(_ *Config, d *Deps) { d.Accounts = nil },
		"no revocations":             func(_ *Config, d *Deps) { d.Revocations = nil },
		"no notifier":                func(_ *Config, d *Deps) { d.Notifier = nil },
		"no ids":                     func(_ *Config, d *Deps) { d.IDs = nil },
		"a hasher that breaks":       func(_ *Config, d *Deps) { d.Hasher = &fakeHasher{err: errors.New("no entropy")} },
	}
	for what, breakIt := range tests {
		t.Run(what, func(t *testing.T) {
			cfg, store := config(), &fakeStore{}
			deps := Deps{Accounts: store, Revocations: store, Devices: store, Notifier: &fakeNotifier{}, IDs: store, Hasher: &fakeHasher{}}
			breakIt(&cfg, &deps)
			s, err := New(cfg, deps)
			if err == nil || s != nil {
				t.Fatal("it is taken")
			}
			if strings.Contains(err.Error(), keyNew[1:]) {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestNewWithBcrypt(t *testing.T) {
	cfg, store := config(), &fakeStore{accounts: map[string]*pb.GetCredentialsResponse{}}
	cfg.BcryptCost = 4
	s, err := New(cfg, Deps{Accounts: store, Revocations: store, Devices: store, Notifier: &fakeNotifier{}, IDs: store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Register(t.Context(), &pb.RegisterRequest{Username: "ann", Password: "password"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Login(t.Context(), &pb.LoginRequest{Username: "ann", Password: "password"}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"ann", "bob"} {
		_, err := s.Login(t.Context(), &pb.LoginRequest{Username: name, Password: "Password"})
		wantCode(t, err, contracts.CodeInvalidCredentials)
	}
}
