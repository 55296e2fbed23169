package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/health"
)

const contentYAML = "application/yaml; charset=utf-8"

// operatorRoutes are what operators and machines ask for.
func (g *Gateway) operatorRoutes() []route {
	measures := adaptor.HTTPHandler(promhttp.HandlerFor(g.deps.Gatherer, promhttp.HandlerOpts{}))
	var status func(r *caller) error
	if g.deps.Status != nil {
		status = bare(adaptor.HTTPHandler(g.deps.Status))
	}
	return []route{
		{method: http.MethodGet, path: "/healthz", scope: scopePublic, handle: plain(healthy)},
		{method: http.MethodGet, path: "/livez", scope: scopePublic, handle: plain(g.live)}, // reveals nothing of the inside
		{method: http.MethodGet, path: "/readyz", scope: scopeOperator, handle: plain(g.ready)},
		{method: http.MethodGet, path: "/metrics", scope: scopeOperator, handle: plain(measures)},
		{method: http.MethodGet, path: "/status", scope: scopeOperator, handle: status},
		{method: http.MethodGet, path: "/status.json", scope: scopeOperator, handle: status},
		{method: http.MethodGet, path: "/openapi.yaml", scope: scopePublic, handle: contractFile(g.deps.OpenAPI)},
		{method: http.MethodGet, path: "/asyncapi.yaml", scope: scopePublic, handle: contractFile(g.deps.AsyncAPI)},
	}
}

// forOperators reports whether a path is for operators, so that no page of another origin may read its answer. Routes
// match with slashes at their ends, too.
func (g *Gateway) forOperators(path string) bool { return g.operational[strings.TrimRight(path, "/")] }

func healthy(c *fiber.Ctx) error {
	return answer(c, http.StatusOK, health.State{Status: health.WordOK})
}

// contractFile shows a file of the contract; nil when there is none.
func contractFile(text []byte) func(r *caller) error {
	if len(text) == 0 {
		return nil
	}
	return func(r *caller) error {
		r.Set(fiber.HeaderContentType, contentYAML)
		r.Set(fiber.HeaderCacheControl, "no-cache")
		return r.Send(text)
	}
}

// bare shows a page that brings security headers of its own: those of the gateway's pages are taken away.
func bare(show fiber.Handler) func(r *caller) error {
	return func(r *caller) error {
		for _, name := range []string{fiber.HeaderContentSecurityPolicy, fiber.HeaderXContentTypeOptions, fiber.HeaderXFrameOptions, fiber.HeaderReferrerPolicy} {
			r.Response().Header.Del(name)
		}
		return show(r.Ctx)
	}
}

// private answers "not found" for a route of operators where the port is not for them (see ServesOps).
func (g *Gateway) private(c *fiber.Ctx) error {
	if !g.opsServed.Load() {
		return notFound(c)
	}
	return c.Next()
}

// ServesOps reports whether a gateway that listens on addr answers the routes for operators there: when addr is a
// loopback address, or when ServeOps is set.
func (c Config) ServesOps(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return c.ServeOps || ok && tcp.IP.IsLoopback()
}

var errDraining = errors.New("the gateway is stopping")

// Check returns an error once the gateway is stopping. Its dependencies are checked elsewhere (see Deps.Health). It
// does not wait. Safe for concurrent use.
func (g *Gateway) Check(context.Context) error {
	if g.leaving.Load() || g.draining.Load() {
		return errDraining
	}
	return nil
}

// Leave says that the gateway is about to stop: it serves as before, but is not ready any more, so that load balancers
// send new clients elsewhere before its sockets close. Safe for concurrent use.
func (g *Gateway) Leave() { g.leaving.Store(true) }

// Touch takes the lock that every socket needs, and releases it. It returns at once unless the gateway stands still.
// Safe for concurrent use.
func (g *Gateway) Touch() { g.hub.len() }

// live answers whether the process gets on; what it depends on does not matter.
func (g *Gateway) live(c *fiber.Ctx) error {
	if g.deps.Alive != nil {
		if err := g.deps.Alive(); err != nil {
			g.log.Error("not alive", zap.Error(err))
			return answer(c, http.StatusServiceUnavailable, health.State{Status: health.WordDown})
		}
	}
	return answer(c, http.StatusOK, health.State{Status: health.WordOK})
}

// ready answers the state of each dependency by name. The reason of a failure is in the log, not in the answer.
func (g *Gateway) ready(c *fiber.Ctx) error {
	checks := map[string]error{"gateway": g.Check(c.UserContext())}
	if g.deps.Health != nil {
		ctx, cancel := g.rpc(c.UserContext())
		defer cancel()
		for name, err := range g.deps.Health(ctx) {
			checks[name] = err
		}
	}
	r, status := health.Summarize(checks), http.StatusOK
	if r.Status == health.WordDown {
		status = http.StatusServiceUnavailable
	}
	return answer(c, status, r)
}
