// Package cli holds the commands of gochat, each in a file of its own, and Main, which runs the
// one that the command line names.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Main runs a command line until the command ends, or SIGINT or SIGTERM stops it, and returns
// the exit code: 0 after a clean end, 2 for a mistake on the command line, 1 for any other error.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := untilSignal()
	defer stop()
	return run(ctx, args, stdout, stderr)
}

// untilSignal returns a context that the first SIGINT or SIGTERM cancels. The default action of
// both signals is restored before that cancellation, so that a second signal ends the process at
// once, however soon it comes.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			cancel()
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, cancel
}

// run is Main without signals, for tests. It returns the exit code of Main, and
// prints an error as one sentence on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newCommand(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "gochat: %v\nTry `gochat --help`.\n", err)
		return 2
	}
	_, _ = fmt.Fprintf(stderr, "gochat: %v\n", err)
	return 1
}
