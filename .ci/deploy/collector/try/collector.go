package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gochat/gochat/tests/chaos"
)

// tick is the time between two polls of a process.
const tick = 50 * time.Millisecond

// enough is how many bytes of a process's output are shown when it fails.
const enough = 4096

// policyGate is a feature gate by which the collector writes the policy that kept a trace into its spans.
const policyGate = "processor.tailsamplingprocessor.recordpolicy"

// running is a running collector.
type running struct {
	otlp, health, metrics string
	cmd                   *exec.Cmd

	mu  sync.Mutex
	log bytes.Buffer
}

// Write appends output of the process.
func (c *running) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(p)
}

// said returns the end of the process's output.
func (c *running) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.log.Bytes()[max(0, c.log.Len()-enough):])
}

// startCollector starts a collector that sends all traces to all and the kept ones to kept, and waits until the
// collector is ready.
func startCollector(ctx context.Context, f flags, all, kept string) (*running, error) {
	c := &running{}
	for _, address := range []*string{&c.otlp, &c.health, &c.metrics} {
		var err error
		if *address, err = chaos.FreeAddress(); err != nil {
			return nil, err
		}
	}
	args := []string{"--feature-gates=" + policyGate}
	for _, file := range f.configs {
		args = append(args, "--config=file:"+file)
	}
	_, port, err := net.SplitHostPort(c.metrics)
	if err != nil {
		return nil, fmt.Errorf("take the port of %s: %w", c.metrics, err)
	}
	c.cmd = exec.Command(f.collector, args...) //nolint:gosec,noctx // end and kill end it
	c.cmd.Env = append(os.Environ(), "TRACES_ENDPOINT="+kept, "TRACES_PERCENT="+strconv.FormatFloat(f.percent, 'f', -1, 64),
		"TRY_ALL="+all, "TRY_OTLP="+c.otlp, "TRY_HEALTH="+c.health, "TRY_METRICS_PORT="+port)
	c.cmd.Stdout, c.cmd.Stderr = c, c
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the collector: %w", err)
	}
	err = until(ctx, "the collector works", func() bool {
		_, err := get(ctx, "http://"+c.health)
		return err == nil
	})
	if err != nil {
		c.kill()
		return nil, fmt.Errorf("%w\n%s", err, c.said())
	}
	return c, nil
}

// decided waits until the collector has passed on every span that came in, and has decided on every trace.
func (c *running) decided(ctx context.Context, all *receiver) error {
	var last string
	err := until(ctx, "each trace is decided on", func() bool {
		text, err := get(ctx, "http://"+c.metrics+"/metrics")
		if err != nil {
			return false
		}
		in := all.snapshot()
		accepted, decisions := sum(text, "otelcol_receiver_accepted_spans"), sum(text, "otelcol_processor_tail_sampling_global_count_traces_sampled")
		last = fmt.Sprintf("%d spans accepted and %d passed on, %d traces of %d decided", accepted, in.spans(), decisions, len(in))
		return accepted > 0 && accepted == in.spans() && decisions == len(in)
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, last)
	}
	return nil
}

// end asks the collector to stop; before that it sends the traces that it still has.
func (c *running) end() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the collector: %w", err)
	}
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the collector did not end in order: %w\n%s", err, c.said())
	}
	return nil
}

// kill kills the collector unless it has ended.
func (c *running) kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait() // the error only says that it was killed
	}
}

// sum adds up the series of a counter in the text of a metrics endpoint.
func sum(text, name string) (n int) {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), "} ")
		if of, _, found := strings.Cut(series, "{"); !found || of != name && of != name+"_total" {
			continue
		}
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			n += int(f)
		}
	}
	return n
}

// get returns the body of a GET; a status other than 200 is an error.
func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", url, err)
	}
	return string(text), nil
}

// until waits until a condition holds.
func until(ctx context.Context, what string, so func() bool) error {
	for !so() {
		select {
		case <-time.After(tick):
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		}
	}
	return nil
}
