package app

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gochat/gochat/app/status"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/registry"
)

// serviceProcess is the service name by which every process registers itself, so that the status page lists all.
const serviceProcess = "process"

// mountStatus adds the status page and its data to a server. may guards the data; the page has none.
func (a *App) mountStatus(mux *http.ServeMux, may access) {
	report := may.guard(status.JSON(a.report, a.log))
	mux.Handle("GET /status.json", report)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		if may.open() { // the page has no data in it, and asks for the token
			status.Page(w, r)
			return
		}
		may.guard(report).ServeHTTP(w, r)
	})
}

// statusAt is the status page on a gateway's own address. Behind a trusted proxy on this machine the requests of
// all clients come from loopback, so there only the token lets a request through.
func (a *App) statusAt(at net.Addr) http.Handler {
	mux := http.NewServeMux()
	may := newAccess(at, a.cfg.Ops.Token)
	may.local = may.local && len(a.cfg.Gateway.TrustedProxies) == 0
	a.mountStatus(mux, may)
	return mux
}

// report returns the status of this process and, unless alone is true, of all processes.
func (a *App) report(ctx context.Context, alone bool) (*status.Report, error) {
	b, now := ThisBuild(), time.Now()
	r := &status.Report{
		Process: status.Process{
			Name: a.name, Roles: a.roles.names(), Version: b.version, Revision: b.revision, Go: b.goVersion,
			StartedAt: a.begun.UnixMilli(), UptimeSeconds: now.Sub(a.begun).Seconds(), LogLevel: a.logLevel.state().Level,
		},
		Dependencies: []status.Dependency{}, Errors: []status.Line{}, Processes: a.peers(),
	}
	if err := a.meter.Fill(ctx, r); err != nil {
		return nil, err
	}
	r.State = health.WordOK
	for _, s := range a.checks.Standings(ctx) {
		r.Dependencies = append(r.Dependencies, status.Dependency{Name: s.Name, State: s.State, SinceAt: s.Since.UnixMilli()})
		if s.State == health.WordDown || s.State == health.WordDegraded && r.State == health.WordOK {
			r.State = s.State
		}
	}
	for _, l := range a.recent.Lines() {
		r.Errors = append(r.Errors, status.Line{At: l.At.UnixMilli(), Count: l.Count, Level: l.Level, Message: l.Message, Fields: l.Fields})
	}
	if !alone {
		a.everywhere.Fill(ctx, r)
	}
	return r, nil
}

// peers returns the processes that were last seen at etcd; it is empty without a registry.
func (a *App) peers() []status.Peer {
	out := []status.Peer{}
	members := a.members.Load()
	if members == nil {
		return out
	}
	for _, in := range members.Instances() {
		out = append(out, status.Peer{Name: in.Address, Roles: in.Metadata["roles"], Address: in.Metadata["ops"], Version: in.Metadata["version"]})
	}
	slices.SortFunc(out, func(a, b status.Peer) int { return strings.Compare(a.Roles+a.Name, b.Roles+b.Name) })
	return out
}

// listProcess registers this process at etcd for the status pages of all processes, and follows the list of them.
func (a *App) listProcess(ctx context.Context) error {
	if a.registry == nil {
		return nil
	}
	members, err := a.registry.Members(serviceProcess)
	if err != nil {
		return err
	}
	a.stack.Push("list of processes", func(context.Context) error { members.Close(); return nil })
	a.members.Store(members)
	roles := strings.Join(a.roles.names(), ",")
	reg, err := a.registry.Register(ctx, serviceProcess, registry.Instance{
		ID: a.name + "." + roles, Address: a.name, // nobody calls it as a service
		Metadata: map[string]string{"roles": roles, "version": ThisBuild().version, "ops": a.opsAddress()},
	})
	if err != nil {
		return err
	}
	a.stack.Push("registration of "+serviceProcess, func(context.Context) error { return reg.Close() })
	return nil
}

// opsAddress returns the host:port at which others find this process's status page; empty: ops.listen is off.
func (a *App) opsAddress() string {
	host, port, err := net.SplitHostPort(a.cfg.Ops.Listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		if host = advertised(a.cfg.RPC.Advertise); host == "" {
			host = a.name
		}
	}
	return net.JoinHostPort(host, port)
}

// advertised returns the host of rpc.advertise, which is host or host:port.
func advertised(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
