// Command up runs a cluster on this machine until it is interrupted: two gateways,
// two logic, three message, two fanout, two repo, a feed and a janitor on real servers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	opt := cluster.Options{Out: os.Stdout, Roles: cluster.DefaultRoles()}
	flag.StringVar(&opt.Dir, "dir", filepath.Join(os.TempDir(), "gochat-cluster"), "data, certificates and logs")
	flag.IntVar(&opt.BasePort, "base-port", 22300, "first port of the servers")
	flag.StringVar(&opt.Queue, "queue", "kafka", "kafka, kafka3 (three brokers) or redisstream")
	flag.BoolVar(&opt.Sentinel, "sentinel", false, "put the cache behind sentinels")
	gateways := flag.Int("gateways", opt.Roles["gateway"], "how many gateways")
	workers := flag.Int("message", opt.Roles["message"], "how many message workers")
	flag.StringVar(&opt.Binary, "binary", "", "the program; built when empty")
	flag.Parse()
	opt.Roles["gateway"], opt.Roles["message"] = *gateways, *workers
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	if opt.Binary == "" {
		fmt.Println("building…")
		var err error
		if opt.Binary, err = chaos.Build(ctx, opt.Dir); err != nil {
			return err
		}
	}
	fmt.Println("starting the servers and the processes…")
	begin := time.Now()
	c, err := cluster.Start(ctx, opt)
	if err != nil {
		return err
	}
	if err := greet(c, opt, time.Since(begin)); err != nil {
		return errors.Join(err, c.Stop())
	}
	<-ctx.Done()
	fmt.Println("\nstopping…")
	return c.Stop()
}

func greet(c *cluster.Cluster, opt cluster.Options, took time.Duration) error {
	var b strings.Builder
	fmt.Fprintf(&b, "up after %.1f s on %s; processes:\n", took.Seconds(), opt.Queue)
	for _, p := range c.Processes {
		fmt.Fprintf(&b, "  %s\t%d\thttp://%s/readyz\n", p.Name, p.PID(), p.Operations())
	}
	b.WriteString("open, and talk across gateways:\n")
	for _, url := range c.Gateways() {
		fmt.Fprintf(&b, "  %s\n", url)
	}
	fmt.Fprintf(&b, "break it:\n  kill -9 PID\n  deploy/local/local --dir %s kill kafka   (start kafka, status, …)\nlogs: %s\nCtrl-C ends it.\n",
		filepath.Join(opt.Dir, "servers"), opt.Dir)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if _, err := w.Write([]byte(b.String())); err != nil {
		return fmt.Errorf("print what runs: %w", err)
	}
	return w.Flush()
}
