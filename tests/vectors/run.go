package vectors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/conform"
)

// patience bounds a step.
const patience = 30 * time.Second

// Runner replays scenarios. Safe for concurrent use.
type Runner struct {
	// Contract checks every answer and frame.
	Contract *conform.Contract
	// URLs are the servers; calls and sockets go to them in turn.
	URLs []string

	turn    atomic.Uint64
	counter atomic.Uint64
}

func (r *Runner) base() string { return r.URLs[r.turn.Add(1)%uint64(len(r.URLs))] }

// run is the state of one scenario while it is replayed.
type run struct {
	*Runner
	Scenario
	vars    vars
	sockets map[string]*socket
}

// Run replays one scenario and returns an error that names the step that failed.
func (r *Runner) Run(ctx context.Context, s Scenario) (err error) {
	unique := strconv.FormatInt(time.Now().UnixMilli(), 36) + strconv.FormatUint(r.counter.Add(1), 36)
	one := &run{Runner: r, Scenario: s, vars: vars{"run": unique}, sockets: map[string]*socket{}}
	defer func() {
		for name, socket := range one.sockets {
			if wrong := socket.end(); wrong != nil {
				err = errors.Join(err, fmt.Errorf("socket %s: %w", name, wrong))
			}
		}
	}()
	for _, name := range s.Users {
		if err := one.register(ctx, name); err != nil {
			return err
		}
	}
	for i, step := range s.Steps {
		for n := range max(step.Repeat, 1) {
			one.vars["i"] = float64(n + 1)
			if err := one.step(ctx, step); err != nil {
				return fmt.Errorf("step %d (%s), time %d: %w", i+1, step.Say, n+1, err)
			}
		}
	}
	return nil
}

// register makes a user of the scenario.
func (r *run) register(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute) // servers limit registrations of an address
	defer cancel()
	server := client.New(r.base())
	defer server.Close()
	username, password := name+"-"+r.vars["run"].(string), "password of "+name
	account, err := server.Register(ctx, username, password)
	if err != nil {
		return err
	}
	for k, v := range map[string]string{"userId": account.UserID, "username": username, "password": password, "token": account.Token} {
		r.vars[name+"."+k] = v
	}
	return nil
}

func (r *run) step(ctx context.Context, s Step) error {
	switch {
	case s.Call != nil:
		return r.call(ctx, *s.Call)
	case s.Open != nil:
		return r.open(ctx, *s.Open)
	case s.Send != nil:
		return r.send(*s.Send)
	case s.Receive != nil:
		return r.receive(*s.Receive)
	case s.Quiet != nil:
		return r.quiet(*s.Quiet)
	case s.Closed != nil:
		return r.closed(*s.Closed)
	case s.Close != "":
		socket, err := r.socket(s.Close)
		if err != nil {
			return err
		}
		delete(r.sockets, s.Close)
		return socket.end()
	}
	return errors.New("a step without anything to do")
}

// call repeats a call until its answer matches or its time is over.
func (r *run) call(ctx context.Context, c Call) error {
	deadline := time.Now().Add(time.Duration(c.WithinMs) * time.Millisecond)
	for {
		err := r.once(ctx, c)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// expectHTTP compares an answer with the expected one.
func (r *run) expectHTTP(want Expect, resp *http.Response, body any) error {
	if resp.StatusCode != want.Status {
		return fmt.Errorf("status %d, want %d: %s", resp.StatusCode, want.Status, show(body))
	}
	for name, value := range want.Headers {
		var got any = absent{}
		if v := resp.Header.Get(name); v != "" {
			got = v
		}
		if err := match(value, got); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	if want.Body == nil {
		return nil
	}
	wanted, err := r.vars.expand(want.Body)
	if err != nil {
		return err
	}
	return match(wanted, body)
}
