package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/gochat/gochat/infra/conf"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/mq/walog"
	"github.com/gochat/gochat/repo/store"
)

// StopTimeout bounds a whole stop: the drains of the gateway, of the workers and of calls run one
// after the other, and 5 s are left for closing the rest.
func (c *Config) StopTimeout() time.Duration {
	const rest = 5 * time.Second
	return c.Gateway.DrainTimeout + c.Router.DrainTimeout + c.RPC.DrainTimeout + rest
}

// gcPercent trades memory for CPU: the live heap is small and bounded, and at Go's
// default of 100 the collector took a quarter of the CPU under load. The environment
// variable GOGC overrides it.
const gcPercent = 300

// program is present when GoChat runs as the command gochat, and nil in a program that embeds it. Only the command
// prints a greeting, handles signals, tunes the heap, and reloads its configuration by load.
type program struct {
	loaded         *conf.Loaded
	load           Loader
	stdout, stderr io.Writer
}

// logsTo returns where the log goes when log.file is empty.
func (p *program) logsTo() io.Writer {
	if p == nil {
		return os.Stderr
	}
	return p.stderr
}

// Serve runs roles as the command gochat until ctx is done or a part fails; see App.Run for the end. loaded says
// where the values of cfg came from. load reads the configuration again when a file or etcd changes, and at SIGHUP.
func Serve(ctx context.Context, cfg *Config, loaded *conf.Loaded, names []string, load Loader, stdout, stderr io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	a, err := New(cfg, WithRoles(names...))
	if err != nil {
		return err
	}
	a.program = &program{loaded: loaded, load: load, stdout: stdout, stderr: stderr}
	return a.Run(ctx)
}

// greet prints the addresses and the data directory; a program that embeds GoChat gets no greeting.
func (a *App) greet(took time.Duration) error {
	if a.program == nil {
		return nil
	}
	stdout := a.program.stdout
	_, err := fmt.Fprintf(stdout, "GoChat runs (%s, started in %d ms).\n", strings.Join(a.roles.names(), ", "), took.Milliseconds())
	if err == nil && a.dir != nil {
		_, err = fmt.Fprintf(stdout, "  data  %s\n", a.dir.path)
	}
	if err == nil && a.calling != nil {
		_, err = fmt.Fprintf(stdout, "  calls %s\n", a.calling.Addr())
	}
	if err == nil && a.listener != nil {
		_, err = fmt.Fprintf(stdout, "  open  %s\n", a.URL())
	}
	if at := a.statusURL(); err == nil && at != "" {
		_, err = fmt.Fprintf(stdout, "  watch %s (or: %s)\n", at, topCommand(at))
	}
	if err != nil {
		return fmt.Errorf("print the address: %w", err)
	}
	return nil
}

// topCommand is how "gochat top" shows the process whose status page is at an address.
func topCommand(at string) string {
	const byDefault = "http://127.0.0.1:8080"
	if url := strings.TrimSuffix(at, "/status"); url != byDefault {
		return "gochat top --url " + url
	}
	return "gochat top"
}

// statusURL returns the status page's address; empty: this process serves no page that anybody may see.
func (a *App) statusURL() string {
	for _, ln := range []net.Listener{a.operating, a.listener} {
		if ln != nil && newAccess(ln.Addr(), a.cfg.Ops.Token).open() && (ln == a.operating || a.cfg.Gateway.ServesOps(ln.Addr())) {
			return urlOf(ln) + "/status"
		}
	}
	return ""
}

// urlOf returns a listener's address as a URL; a wildcard address becomes localhost.
func urlOf(ln net.Listener) string {
	host, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return ln.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// listen opens a TCP listener; setting names the flag and the variable for the error.
func listen(ctx context.Context, address, setting string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is taken by another program; stop it, or choose another one by %s", address, setting)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (%w); choose another address by %s", address, err, setting)
	}
	return ln, nil
}

// Explain adds advice to the errors of a newer schema and of damaged data; it returns other errors as they are.
func Explain(err error) error {
	switch {
	case errors.Is(err, store.ErrNewerSchema):
		return fmt.Errorf("the database is of a newer gochat, which this one cannot work with; use that version, or another data directory (%w)", err)
	case errors.Is(err, db.ErrDamaged), errors.Is(err, walog.ErrDamaged):
		return fmt.Errorf("the data is damaged and was left as it is; restore it from a backup, or start with another data directory (%w)", err)
	}
	return err
}

// DBPath returns the embedded database's file: db.path, or gochat.db in the data directory dir.
func (c *Config) DBPath(dir string) string {
	if c.DB.Path != "" {
		return c.DB.Path
	}
	return filepath.Join(dir, "gochat.db")
}
