// Command try tests a configuration of the collector that keeps failed traces, slow traces and a share of the
// others. An embedded GoChat sends all its traces to the collector, and the kept ones are compared with them.
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
	// shown bounds the faults that are printed.
	shown = 10
)

// flags are the settings of a trial.
type flags struct {
	collector, gochat string
	configs           configs
	percent           float64
}

// configs are the collector's configuration files; values of later ones replace those of earlier ones.
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
