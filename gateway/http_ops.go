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
		{method: http.MethodGet, path: "/livez", scope: scopePublic, handle: plain(g.live)}, // it is no secret
		{method: http.MethodGet, path: "/readyz", scope: scopeOperator, handle: plain(g.ready)},
		{method: http.MethodGet, path: "/metrics", scope: scopeOperator, handle: plain(measures)},
		{method: http.MethodGet, path: "/status", scope: scopeOperator, handle: status},
		{method: http.MethodGet, path: "/status.json", scope: scopeOperator, handle: status},
		{method: http.MethodGet, path: "/openapi.yaml", scope: scopePublic, handle: contractFile(g.deps.OpenAPI)},
		{method: http.MethodGet, path: "/asyncapi.yaml", scope: scopePublic, handle: contractFile(g.deps.AsyncAPI)},
	}
}

// forOperators reports whether a path is for who watches the gateway, and for no page. Routes take paths
// with slashes at their ends, too.
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

// bare shows a page that is not the gateway's, without the headers for pages: it has its own.
func bare(show fiber.Handler) func(r *caller) error {
	return func(r *caller) error {
		for _, name := range []string{fiber.HeaderContentSecurityPolicy, fiber.HeaderXContentTypeOptions, fiber.HeaderXFrameOptions, fiber.HeaderReferrerPolicy} {
			r.Response().Header.Del(name)
		}
		return show(r.Ctx)
	}
}

// private hides what is not for everybody, where everybody may call.
func (g *Gateway) private(c *fiber.Ctx) error {
	if !g.opsServed.Load() {
		return notFound(c)
	}
	return c.Next()
}

// ServesOps reports whether a gateway that listens on an address answers /readyz and /metrics there: when
// only this machine's own processes reach it, or when ServeOps asks for it.
func (c Config) ServesOps(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return c.ServeOps || ok && tcp.IP.IsLoopback()
}

var errDraining = errors.New("the gateway is stopping")

// Check returns an error once the gateway is stopping; the rest that makes a gateway ready is in what
// it depends on. It does not wait. Safe for concurrent use.
func (g *Gateway) Check(context.Context) error {
	if g.leaving.Load() || g.draining.Load() {
		return errDraining
	}
	return nil
}

// Leave says that the gateway is about to stop: it serves as before, and is not ready any more, so
// that balancers send new clients elsewhere before it closes. Safe for concurrent use.
func (g *Gateway) Leave() { g.leaving.Store(true) }

// Touch takes and leaves the lock that every socket needs. It returns at once unless the gateway
// stands still. Safe for concurrent use.
func (g *Gateway) Touch() { g.hub.len() }

// live says whether the process gets on, whatever it depends on.
func (g *Gateway) live(c *fiber.Ctx) error {
	if g.deps.Alive != nil {
		if err := g.deps.Alive(); err != nil {
			g.log.Error("not alive", zap.Error(err))
			return answer(c, http.StatusServiceUnavailable, health.State{Status: health.WordDown})
		}
	}
	return answer(c, http.StatusOK, health.State{Status: health.WordOK})
}

// ready names every dependency; why one is down is told by who watches them all.
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
