// Command try runs a collector with a configuration that keeps failed and slow traces and a share of the
// others, has an embedded GoChat send it all of its traces, and compares what came in with what was kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	// complete bounds a trial.
	complete = 3 * time.Minute
	// shown is how many faults are told.
	shown = 10
)

// flags are what a trial is made of.
type flags struct {
	collector, gochat string
	configs           configs
	percent           float64
}

// configs are the collector's configuration files; what a later one says replaces what an earlier one does.
type configs []string

// String implements flag.Value.
func (c *configs) String() string { return strings.Join(*c, " ") }

// Set implements flag.Value.
func (c *configs) Set(file string) error {
	*c = append(*c, file)
	return nil
}

func main() {
	var f flags
	flag.StringVar(&f.collector, "collector", "", "the collector's program")
	flag.StringVar(&f.gochat, "gochat", "", "GoChat's program")
	flag.Var(&f.configs, "config", "a configuration file of the collector; several are merged")
	flag.Float64Var(&f.percent, "percent", 0, "the share of ordinary traces that is to be kept")
	flag.Parse()
	ctx, stop := context.WithTimeout(context.Background(), complete)
	defer stop()
	if err := try(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
}

// try runs one trial.
func try(ctx context.Context, f flags) (err error) {
	dir, err := os.MkdirTemp("", "collector")
	if err != nil {
		return fmt.Errorf("make a directory for GoChat: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	all, kept := newReceiver(), newReceiver()
	for _, r := range []*receiver{all, kept} {
		if err := r.start(); err != nil {
			return err
		}
		defer r.stop()
	}
	c, err := startCollector(ctx, f, all.address, kept.address)
	if err != nil {
		return err
	}
	defer c.kill()
	made, err := talk(ctx, f.gochat, dir, c.otlp, all)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, c.said())
	}
	if err := c.decided(ctx, all); err != nil {
		return fmt.Errorf("%w\n%s", err, c.said())
	}
	if err := c.end(); err != nil {
		return err
	}
	v := judge(all.snapshot(), kept.snapshot(), made, f.percent)
	fmt.Println(v.summary())
	if more := len(v.faults) - shown; more > 0 {
		v.faults = append(v.faults[:shown], fmt.Errorf("and %d faults more", more))
	}
	return errors.Join(v.faults...)
}
