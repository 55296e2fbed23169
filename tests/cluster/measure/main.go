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
	"syscall"

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
	cfg.Processes = c.Running(ctx)
	results, err := load.Run(ctx, cfg, os.Stderr)
	if err != nil {
		return err
	}
	return results.Write(os.Stdout)
}
