package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/tests/load"
)

const loadtestHelp = `Registers users, puts load on a running server through real sockets, and tells throughput,
latency and what each message costs. Everything that arrives is checked as well: a message that is
lost, there twice or out of order ends the test.

One kind of load at a time:

    (none)         pairs of a sender and a receiver. By default each has --in-flight messages on the way
                   and sends the next when one is stored, which finds out what a server does at most;
                   with --rate messages are sent when they are due, which finds out how long they take
    --group        one group whose members are all online        --groups   many, of --members each
    --world        everybody who is online gets everything
    --reconnect    all sockets are cut at once and come back, each with a sync, while a few pairs go on
    --history      pages of a long conversation, at its head and in its depth
    --sync         the syncs of users who were offline
    --idle         the memory of sockets on which nothing happens

A single figure says more about the machine than about GoChat. --runs measures several times, each after a
--warm-up, and tells medians with their spread: believe a difference that is larger than that.

CPU and bytes written to disk are those of the processes that listen at --url, where they are on this machine
and it is Linux; --pid names others, such as a database. Progress is told on stderr, the report is on stdout,
as text or --json; --html writes it as a page with plots.

All users come from one address: for more than 600 of them the server needs a higher
GOCHAT_LIMITS_AUTH_PER_MINUTE, and passwords cost it less with GOCHAT_AUTH_BCRYPT_COST=4. Users and messages
stay: use a server for tests.`

const loadtestExamples = `    gochat loadtest --pairs 200 --in-flight 8 --runs 5 --html report.html
    gochat loadtest --pairs 100 --rate 1000 --pid gochat=$(pgrep -o gochat)
    gochat loadtest --groups 20 --members 50 --in-flight 4
    gochat loadtest --reconnect 5000 --users 2500
    gochat loadtest --history 20000 --runs 3 --json`

func loadtestCommand(stdout, stderr io.Writer) *cobra.Command {
	var cfg load.Config
	cmd := &cobra.Command{
		Use:     "loadtest",
		Short:   "Measure a running server through real sockets",
		Long:    loadtestHelp,
		Example: loadtestExamples,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			page, err := newLoadtestPage(cfg.HTML)
			if err != nil {
				return err
			}
			results, err := load.Run(cmd.Context(), cfg, stderr)
			if err != nil {
				return errors.Join(err, page.drop())
			}
			if err := page.write(results); err != nil {
				return err
			}
			return printLoadtest(stdout, results, cfg.JSON)
		},
	}
	load.Flags(cmd.Flags(), &cfg)
	return cmd
}

func printLoadtest(stdout io.Writer, results *load.Results, asJSON bool) error {
	if !asJSON {
		return results.Write(stdout)
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(results); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// loadtestPage is the file of --html. A temporary file is made beside it before the test, which may take long, so
// that a directory without write permission is reported at once. The file gets its name when it is complete.
type loadtestPage struct {
	name string
	file *os.File
}

// newLoadtestPage makes the temporary file. Without a name it returns nil, whose methods do nothing.
func newLoadtestPage(name string) (*loadtestPage, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".loadtest-*.html")
	if err != nil {
		return nil, fmt.Errorf("--html %s: %w", name, err)
	}
	return &loadtestPage{name: name, file: f}, nil
}

func (p *loadtestPage) write(results *load.Results) error {
	if p == nil {
		return nil
	}
	err := results.WriteHTML(p.file, time.Now())
	if closed := p.file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(p.file.Name(), p.name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--html %s: %w", p.name, err), os.Remove(p.file.Name()))
	}
	return nil
}

// drop removes the temporary file after a test that failed.
func (p *loadtestPage) drop() error {
	if p == nil {
		return nil
	}
	return errors.Join(p.file.Close(), os.Remove(p.file.Name()))
}
