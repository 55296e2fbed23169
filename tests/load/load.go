// Package load measures a running server through real sockets: throughput,
// latencies, and the cost of a message. It checks the messages that arrive as well.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/gochat/gochat/tests/client"
)

// ErrWrong is wrapped when the server lost, doubled, reordered or refused a message during the run.
var ErrWrong = errors.New("the server broke a promise")

// test is the state of one call of Run, which every mode uses.
type test struct {
	cfg     Config
	servers []*client.Server
	costs   *costs
	told    *teller
	results *Results
}

// Run measures the servers as cfg says and returns the reports of all runs; it writes lines of progress to progress.
// It returns an error for a configuration that makes no sense, and one that wraps ErrWrong for a wrong server.
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

// each calls one for every run, one run after the other, and collects the reports.
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

// warmUp waits for the warm-up, in which nothing is measured.
func (t *test) warmUp(ctx context.Context) error {
	t.told.say("warming up for %s, then measuring for %s…", t.cfg.Warmup, t.cfg.Duration)
	return pause(ctx, t.cfg.Warmup)
}
