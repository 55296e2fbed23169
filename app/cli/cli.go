// Package cli holds the commands of gochat: each in a file of its own, and Run, which chooses
// among them.
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

// Main is the program: it runs a command line until it ends or a signal stops it, and returns
// the exit code as run does.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := untilSignal()
	defer stop()
	return run(ctx, args, stdout, stderr)
}

// untilSignal returns a context that ends with the first signal to stop. Signals do what they do
// without us before anybody sees that end, so that a second one ends the process at once, however
// soon it comes.
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

// run is Main without the process around it, so that a test can boot it. It
// returns the exit code: 0 after a clean end, 1 with one sentence on stderr, 2
// for words that the command line does not know.
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
