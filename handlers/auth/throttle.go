package auth

import (
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// throttledAccounts bounds the memory of the throttle; who wants to push an
// account out of it has to try as many others.
const throttledAccounts = 1 << 16

// throttle slows the guessing of one account's password, whatever addresses the
// guesses come from. Each process counts for itself.
type throttle struct {
	perMinute int
	mu        sync.Mutex
	accounts  *lru.Cache[string, *rate.Limiter]
}

func newThrottle(perMinute int) (*throttle, error) {
	accounts, err := lru.New[string, *rate.Limiter](throttledAccounts)
	if err != nil {
		return nil, fmt.Errorf("make the login throttle: %w", err)
	}
	return &throttle{perMinute: perMinute, accounts: accounts}, nil
}

// take counts an attempt. It returns how long to wait when there were too many;
// such an attempt is not counted.
func (t *throttle) take(account string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter, ok := t.accounts.Get(account)
	if !ok {
		limiter = rate.NewLimiter(rate.Every(time.Minute/time.Duration(t.perMinute)), t.perMinute)
		t.accounts.Add(account, limiter)
	}
	reserved := limiter.Reserve()
	wait := reserved.Delay()
	if wait > 0 {
		reserved.Cancel()
	}
	return wait
}

// giveBack takes back one attempt.
func (t *throttle) giveBack(account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if limiter, ok := t.accounts.Get(account); ok {
		// A reservation cannot be cancelled once its time has come, and the time of
		// an attempt is at once. The limiter itself never keeps more than its burst.
		limiter.AllowN(time.Now(), -1)
	}
}

// forget takes back an account's attempts after a right password.
func (t *throttle) forget(account string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accounts.Remove(account)
}
