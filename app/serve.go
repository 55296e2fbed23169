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

// StopTimeout is what a stop may take altogether: the gateway's drain, the workers' and
// the calls', one after the other as far as they are in this process, and a rest for what
// is closed after them.
func (c *Config) StopTimeout() time.Duration {
	const rest = 5 * time.Second
	return c.Gateway.DrainTimeout + c.Router.DrainTimeout + c.RPC.DrainTimeout + rest
}

// gcPercent trades memory for CPU: what lives on the heap is small and bounded,
// and at Go's default of 100 a quarter of the CPU went to the collector under
// load. GOGC overrides it.
const gcPercent = 300

// program is what the command gochat has and a program that embeds GoChat has not: it is told where to look
// by text, its signals and its heap are GoChat's, and its configuration is read again by load when something of it
// may have changed.
type program struct {
	loaded         *conf.Loaded
	load           Loader
	stdout, stderr io.Writer
}

// logsTo is where the log goes that names no file.
func (p *program) logsTo() io.Writer {
	if p == nil {
		return os.Stderr
	}
	return p.stderr
}

// Serve runs roles as the command gochat until ctx is done or one of them fails. The configuration was loaded and
// is read again by load when something of it may have changed.
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

// greet prints what a person wants to know first.
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
		_, err = fmt.Fprintf(stdout, "  watch %s (or: gochat top)\n", at)
	}
	if err != nil {
		return fmt.Errorf("print the address: %w", err)
	}
	return nil
}

// statusURL is the status page's address; empty: nobody may see it.
func (a *App) statusURL() string {
	for _, ln := range []net.Listener{a.operating, a.listener} {
		if ln != nil && newAccess(ln.Addr(), a.cfg.Ops.Token).open() && (ln == a.operating || a.cfg.Gateway.ServesOps(ln.Addr())) {
			return urlOf(ln) + "/status"
		}
	}
	return ""
}

// urlOf is a server's address for people; a wildcard address is shown as localhost.
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

// listen takes an address before anything else is touched, so that a taken port
// changes nothing.
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

// Explain makes one sentence of what can go wrong with the data at a start.
func Explain(err error) error {
	switch {
	case errors.Is(err, store.ErrNewerSchema):
		return fmt.Errorf("the database is of a newer gochat, which this one cannot work with; use that version, or another data directory (%w)", err)
	case errors.Is(err, db.ErrDamaged), errors.Is(err, walog.ErrDamaged):
		return fmt.Errorf("the data is damaged and was left as it is; restore it from a backup, or start with another data directory (%w)", err)
	}
	return err
}

// DBPath is the embedded database's file.
func (c *Config) DBPath(dir string) string {
	if c.DB.Path != "" {
		return c.DB.Path
	}
	return filepath.Join(dir, "gochat.db")
}
