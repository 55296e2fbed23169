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
// the exit code as Run does.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal begins the stop. From then on signals do what they do without us: a
	// second one ends the process at once.
	context.AfterFunc(ctx, stop)
	return run(ctx, args, stdout, stderr)
}

// Run is Main without the process around it, so that a test can boot it. It
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
