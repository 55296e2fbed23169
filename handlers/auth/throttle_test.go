package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

const (
	perPair = 3  // wrong passwords for an account from one address, regained in a minute
	perName = 10 // from all addresses, regained in an hour
)

// town is some processes that share the account ann, which was registered from the address "home".
type town struct {
	t      *testing.T
	shared *fakeLimits
	all    []*bench
	turn   int
}

func newTown(t *testing.T, processes int, shared *fakeLimits) *town {
	t.Helper()
	w := &town{t: t, shared: shared}
	for range processes {
		b := newBench(t, func(c *Config) {
			c.LoginAttempts, c.LoginWindow, c.AccountAttempts, c.AccountWindow = perPair, time.Minute, perName, time.Hour
		})
		if shared != nil {
			b.throttle.shared = shared
		}
		if len(w.all) > 0 {
			b.store.accounts = w.all[0].store.accounts
		}
		w.all = append(w.all, b)
	}
	if _, err := w.all[0].Register(t.Context(), &pb.RegisterRequest{Username: "ann", Password: "password", Address: "home"}); err != nil {
		t.Fatal(err)
	}
	return w
}

// login goes to each process in turn.
func (w *town) login(name, password, address string) *contracts.Error {
	w.t.Helper()
	w.turn++
	_, err := w.all[w.turn%len(w.all)].Login(w.t.Context(), &pb.LoginRequest{Username: name, Password: password, Address: address})
	if err == nil {
		return nil
	}
	return contracts.AsError(err)
}

func (w *town) guess(n int, address string, want contracts.Code) {
	w.t.Helper()
	for i := range n {
		if e := w.login("ann", "guessed1", address); e == nil || e.Code != want {
			w.t.Fatalf("guess %d from %s got %v, want %s", i+1, address, e, want)
		}
	}
}

func (w *town) succeeds(address string) {
	w.t.Helper()
	if e := w.login("ann", "password", address); e != nil {
		w.t.Errorf("the owner at %s got %v", address, e)
	}
}

// everywhere runs a test with counts that two processes share, in a process alone, and while the shared counts
// are away.
func everywhere(t *testing.T, test func(t *testing.T, w *town)) {
	for name, make := range map[string]func(t *testing.T) *town{
		"two processes": func(t *testing.T) *town { return newTown(t, 2, newFakeLimits()) },
		"alone":         func(t *testing.T) *town { return newTown(t, 1, nil) },
		"shared counts away": func(t *testing.T) *town {
			w := newTown(t, 1, newFakeLimits())
			w.shared.err = errors.New("away")
			return w
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, make(t)) })
		})
	}
}

func TestGuessersFromOneAddressAreSlowed(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		w.guess(perPair, "evil", contracts.CodeInvalidCredentials)
		w.guess(50, "evil", contracts.CodeRateLimited)
		if e := w.login("ann", "password", "evil"); e == nil || e.RetryAfterSeconds != 20 {
			t.Errorf("the right password got %v, want 20 s", e)
		}
		time.Sleep(20 * time.Second)
		w.guess(1, "evil", contracts.CodeInvalidCredentials)
		w.guess(1, "evil", contracts.CodeRateLimited)
		// The refused attempt was not counted for the account: other addresses have what is left.
		w.guess(perPair, "new", contracts.CodeInvalidCredentials)
		w.succeeds("elsewhere")
	})
}

func TestGuessersFromManyAddressesAreSlowed(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		for i := range perName {
			w.guess(1, fmt.Sprint("evil", i), contracts.CodeInvalidCredentials)
		}
		for i := range 100 {
			w.guess(1, fmt.Sprint("more evil", i), contracts.CodeRateLimited)
		}
		for range 5 {
			w.succeeds("home") // registered from there
		}
		w.guess(perPair, "home", contracts.CodeInvalidCredentials)
		w.guess(1, "home", contracts.CodeRateLimited) // a known address has its own limit as well
		time.Sleep(time.Hour / perName)
		w.guess(1, "more evil", contracts.CodeInvalidCredentials)
		w.guess(1, "most evil", contracts.CodeRateLimited)
	})
}

func TestAnAddressIsKnownForATime(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		siege := func() {
			for i := range perName {
				_ = w.login("ann", "guessed1", fmt.Sprint("evil", i))
			}
			w.guess(1, "evil", contracts.CodeRateLimited)
		}
		w.succeeds("office")
		time.Sleep(20 * 24 * time.Hour)
		w.succeeds("office")
		time.Sleep(20 * 24 * time.Hour)
		siege()
		w.succeeds("office")                          // each login begins KnownFor anew
		w.guess(1, "home", contracts.CodeRateLimited) // the last login from home was 40 days ago
		if e := w.login("bob", "password", "office"); e.Code != contracts.CodeInvalidCredentials {
			t.Errorf("another account from there got %v", e)
		}
	})
}

func TestAnOutageCostsNoAttempt(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		for _, b := range w.all {
			b.store.credentialsErr = contracts.NewError(contracts.CodeUnavailable, "")
		}
		w.guess(10*perName, "office", contracts.CodeUnavailable)
		for _, b := range w.all {
			b.store.credentialsErr = nil
		}
		w.guess(perPair, "office", contracts.CodeInvalidCredentials)
		w.guess(1, "office", contracts.CodeRateLimited)
	})
}

func TestARightPasswordClearsItsAddressOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		w.guess(perPair, "evil", contracts.CodeInvalidCredentials)
		w.guess(perPair-1, "office", contracts.CodeInvalidCredentials)
		w.succeeds("office")
		w.guess(perPair, "office", contracts.CodeInvalidCredentials)
		w.guess(1, "evil", contracts.CodeRateLimited)
	})
}

// TestUnknownNamesAreThrottledAlike: in the same steps, so that neither answers nor time tell
// which names there are.
func TestUnknownNamesAreThrottledAlike(t *testing.T) {
	everywhere(t, func(t *testing.T, w *town) {
		steps := func(name string) (answers []string, shared int) {
			if w.shared != nil {
				w.shared.keys = nil
			}
			for i := range 2 * perName {
				e := w.login(name, "guessed1", fmt.Sprint("evil", i/4))
				answers = append(answers, fmt.Sprint(e.Code, e.Message, e.RetryAfterSeconds))
			}
			if w.shared != nil {
				shared = len(w.shared.keys)
			}
			return answers, shared
		}
		known, asked := steps("ann")
		unknown, askedToo := steps("bob")
		if fmt.Sprint(known) != fmt.Sprint(unknown) || asked != askedToo {
			t.Errorf("a known name gets %v in %d steps, an unknown one %v in %d", known, asked, unknown, askedToo)
		}
	})
}

// TestKnownAddressesSurviveTheLossOfTheCache in the process that has seen them.
func TestKnownAddressesSurviveTheLossOfTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 1, newFakeLimits())
		w.succeeds("office")
		clear(w.shared.marks)
		clear(w.shared.buckets)
		for i := range perName {
			w.guess(1, fmt.Sprint("evil", i), contracts.CodeInvalidCredentials)
		}
		w.guess(1, "evil", contracts.CodeRateLimited)
		w.succeeds("office")
	})
}

func TestKeysTellNobodyWhoLogsIn(t *testing.T) {
	w := newTown(t, 1, newFakeLimits())
	w.succeeds("home")
	w.guess(1, "office", contracts.CodeInvalidCredentials)
	if len(w.shared.keys) == 0 || len(w.shared.marks) == 0 {
		t.Fatal("nothing was counted")
	}
	for k := range w.shared.marks {
		w.shared.keys = append(w.shared.keys, k)
	}
	for _, k := range w.shared.keys {
		if strings.Contains(k, "ann") || strings.Contains(k, "home") || strings.Contains(k, "office") || len(k) > 200 {
			t.Errorf("the key %q tells", k)
		}
	}
}

// TestAnUnknownAddressIsNoKnownOne: without an address, as from a gateway that names none, no address is
// remembered.
func TestAnUnknownAddressIsNoKnownOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, 1, newFakeLimits())
		w.succeeds("")
		if len(w.shared.marks) != 1 { // home
			t.Errorf("marks are %v", w.shared.marks)
		}
		w.guess(perPair, "", contracts.CodeInvalidCredentials)
		w.guess(1, "", contracts.CodeRateLimited)
	})
}
