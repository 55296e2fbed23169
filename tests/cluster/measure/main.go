// Command measure starts a cluster on this machine, puts load on it and prints what
// each process costs, those of the servers included.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/cluster"
	"github.com/gochat/gochat/tests/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	opt := cluster.Options{BasePort: 22400, Roles: cluster.DefaultRoles(), Dir: filepath.Join(os.TempDir(), "gochat-measure")}
	var cfg load.Config
	flags := pflag.NewFlagSet("measure", pflag.ContinueOnError)
	flags.StringVar(&opt.Queue, "queue", "kafka", "kafka or redisstream")
	flags.StringVar(&opt.Binary, "binary", "", "the program; built when empty")
	flags.StringSliceVar(&opt.Env, "env", nil, "settings of the processes, as GOCHAT_MQ_KAFKA_TRANSACTIONS=false")
	load.Flags(flags, &cfg)
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	if err := os.RemoveAll(opt.Dir); err != nil {
		return fmt.Errorf("empty the directory: %w", err)
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	if opt.Binary == "" {
		if opt.Binary, err = chaos.Build(ctx, opt.Dir); err != nil {
			return err
		}
	}
	c, err := cluster.Start(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	cfg.URLs = c.Gateways()
	before, after := map[string]float64{}, map[string]float64{}
	cfg.Around = func(begins bool) {
		if begins {
			before = c.CPU()
		} else {
			after = c.CPU()
		}
	}
	report, err := load.Run(ctx, cfg, os.Stderr)
	if err != nil {
		return err
	}
	if err := report.Write(os.Stdout); err != nil {
		return err
	}
	return table(c, before, after, report)
}

// table prints CPU by process.
func table(c *cluster.Cluster, before, after map[string]float64, r *load.Report) error {
	var b strings.Builder
	each := 1e6 / float64(max(r.Stored, 1))
	row := func(name string, seconds float64) {
		fmt.Fprintf(&b, "%s\t%.0f\t%.1f\t\n", name, 100*seconds/r.Seconds, seconds*each)
	}
	fmt.Fprintln(&b, "process\t% of a core\tµs a message\t")
	total := 0.0
	for _, name := range c.Names() {
		row(name, after[name]-before[name])
		total += after[name] - before[name]
	}
	row("all", total)
	row("this generator", r.ClientMicrosEach/each)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	if _, err := w.Write([]byte(b.String())); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	return w.Flush()
}
