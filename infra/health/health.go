// Package health collects the states of dependencies, from which a process's readiness is made.
package health

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// ErrDegraded is wrapped by the error of a dependency that is down and without which the process goes on.
var ErrDegraded = errors.New("degraded")

// Check asks one dependency; nil: it is well.
type Check func(ctx context.Context) error

// Checks are named checks. Safe for concurrent use.
type Checks struct {
	timeout time.Duration
	tell    func(answers map[string]error, at time.Time)
	flight  singleflight.Group // of rounds

	mu     sync.Mutex
	checks map[string]Check
	own    map[string]Check
	groups []Group
	last   round
	since  map[string]Standing
}

// Group asks several dependencies at once and answers by name.
type Group func(ctx context.Context) map[string]error

// New returns an empty set; each check gets at most timeout.
func New(timeout time.Duration) *Checks {
	return &Checks{timeout: timeout, checks: map[string]Check{}, own: map[string]Check{}, since: map[string]Standing{}}
}

// Add adds or replaces the check of a dependency.
func (c *Checks) Add(name string, check Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checks[name] = check
}

// AddGroup adds checks that are made together.
func (c *Checks) AddGroup(group Group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.groups = append(c.groups, group)
}

// AddSoft adds a dependency without which the process goes on: errors of its check are wrapped in
// ErrDegraded.
func (c *Checks) AddSoft(name string, check Check) {
	c.Add(name, func(ctx context.Context) error {
		if err := check(ctx); err != nil {
			return fmt.Errorf("%w: %w", ErrDegraded, err)
		}
		return nil
	})
}

// The words for the state of a dependency, and of a process.
const (
	WordOK       = "ok"
	WordDown     = "down"
	WordDegraded = "degraded"
)

// State is the answer of a readiness check, for people and machines.
type State struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

// Summarize makes a State of checks' errors by name. The status is down when a dependency is down that the
// process needs, and degraded when only others are.
func Summarize(answers map[string]error) State {
	s := State{Status: WordOK, Checks: make(map[string]string, len(answers))}
	for name, err := range answers {
		word := WordOK
		switch {
		case errors.Is(err, ErrDegraded):
			word = WordDegraded
			if s.Status == WordOK {
				s.Status = WordDegraded
			}
		case err != nil:
			word, s.Status = WordDown, WordDown
		}
		s.Checks[name] = word
	}
	return s
}

// Run asks all dependencies at the same time, now, and returns their errors by name. For frequent calls there
// is Recent.
func (c *Checks) Run(ctx context.Context) map[string]error { return c.ask(ctx, c.owns()) }

// ask asks all dependencies, and the checks in beside as well.
func (c *Checks) ask(ctx context.Context, beside map[string]Check) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.mu.Lock()
	checks := make(map[string]Check, len(c.checks))
	for name, check := range c.checks {
		checks[name] = check
	}
	maps.Copy(checks, beside)
	groups := slices.Clone(c.groups)
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
	for _, group := range groups {
		wg.Go(func() {
			answers := group(ctx)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(out, answers)
		})
	}
	wg.Wait()
	return out
}
