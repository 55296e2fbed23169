// Command gochat is an instant-messaging backend: every role in one process on
// embedded parts, or each role as a process of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal begins the stop. From then on signals do what they do without us: a
	// second one ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it, so that a test can boot it. It
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
