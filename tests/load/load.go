// Package load measures a running server through real sockets: how many messages
// it stores and delivers, how long that takes, what it costs.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/gochat/gochat/tests/client"
)

// ErrWrong is wrapped when the server broke a promise during the run.
var ErrWrong = errors.New("the server broke a promise")

// test is one call of Run: what every mode works with.
type test struct {
	cfg     Config
	servers []*client.Server
	costs   *costs
	told    *teller
	results *Results
}

// Run measures and returns what was found; progress gets a line now and then.
func Run(ctx context.Context, cfg Config, progress io.Writer) (*Results, error) {
	m, err := cfg.mode()
	if err != nil {
		return nil, err
	}
	t := &test{cfg: cfg, told: &teller{to: progress}, results: &Results{}}
	for _, url := range cfg.URLs {
		s := client.New(url)
		defer s.Close()
		t.servers = append(t.servers, s)
	}
	if t.costs, err = newCosts(ctx, cfg, t.servers[0]); err != nil {
		return nil, err
	}
	if err := m.run(ctx, t); err != nil {
		return nil, err
	}
	for _, r := range t.results.Runs {
		r.Mode = m.flag
	}
	return t.results, nil
}

// each makes the runs, one after the other.
func (t *test) each(ctx context.Context, one func(context.Context, *Report) error) error {
	for n := range t.cfg.Runs {
		r := &Report{Cores: runtime.NumCPU(), Notes: t.costs.notes}
		if t.cfg.Runs > 1 {
			t.told.say("run %d of %d", n+1, t.cfg.Runs)
		}
		if err := one(ctx, r); err != nil {
			if t.cfg.Runs > 1 {
				err = fmt.Errorf("run %d of %d: %w", n+1, t.cfg.Runs, err)
			}
			return err
		}
		t.results.Runs = append(t.results.Runs, r)
	}
	return nil
}

// warmUp waits until what is measured has become steady.
func (t *test) warmUp(ctx context.Context) error {
	t.told.say("warming up for %s, then measuring for %s…", t.cfg.Warmup, t.cfg.Duration)
	return pause(ctx, t.cfg.Warmup)
}
