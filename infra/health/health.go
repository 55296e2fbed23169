// Package health collects what readiness is made of.
package health

import (
	"context"
	"sync"
	"time"
)

// Check asks one dependency; nil is well.
type Check func(ctx context.Context) error

// Checks are named checks. Safe for concurrent use.
type Checks struct {
	timeout time.Duration
	mu      sync.Mutex
	checks  map[string]Check
}

// New returns an empty set; each check gets at most timeout.
func New(timeout time.Duration) *Checks {
	return &Checks{timeout: timeout, checks: map[string]Check{}}
}

// Add adds or replaces the check of a dependency.
func (c *Checks) Add(name string, check Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checks[name] = check
}

// Run asks all dependencies at the same time and returns each one's answer by
// name.
func (c *Checks) Run(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.mu.Lock()
	checks := make(map[string]Check, len(c.checks))
	for name, check := range c.checks {
		checks[name] = check
	}
	c.mu.Unlock()

	var mu sync.Mutex
	var wg sync.WaitGroup
	out := make(map[string]error, len(checks))
	for name, check := range checks {
		wg.Go(func() {
			err := check(ctx)
			mu.Lock()
			defer mu.Unlock()
			out[name] = err
		})
	}
	wg.Wait()
	return out
}
