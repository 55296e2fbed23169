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

// The paths that tell of the inside.
const (
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
	pathStatus  = "/status"
	pathReport  = "/status.json"
)

// pathLive says whether the process gets on, which is no secret.
const pathLive = "/livez"

// operational reports whether a path is for machines that watch the gateway, and for no page. Routes
// take paths with slashes at their ends, too.
func operational(path string) bool {
	path = strings.TrimRight(path, "/")
	return path == pathReady || path == pathMetrics || path == pathStatus || path == pathReport
}

// operations mounts what operators and machines ask for.
func (g *Gateway) operations(app *fiber.App) {
	app.Get("/healthz", func(c *fiber.Ctx) error { return answer(c, http.StatusOK, health.State{Status: health.WordOK}) })
	app.Get(pathLive, g.live)
	app.Get(pathReady, g.private, g.ready)
	app.Get(pathMetrics, g.private, adaptor.HTTPHandler(promhttp.HandlerFor(g.deps.Gatherer, promhttp.HandlerOpts{})))
	if g.deps.Status != nil {
		show := adaptor.HTTPHandler(g.deps.Status)
		app.Get(pathStatus, g.private, bare, show)
		app.Get(pathReport, g.private, bare, show)
	}
	for path, text := range map[string][]byte{"/openapi.yaml": g.deps.OpenAPI, "/asyncapi.yaml": g.deps.AsyncAPI} {
		if len(text) == 0 {
			continue
		}
		app.Get(path, func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, contentYAML)
			c.Set(fiber.HeaderCacheControl, "no-cache")
			return c.Send(text)
		})
	}
}

// bare takes the headers for pages away, since a page that is not the gateway's has its own.
func bare(c *fiber.Ctx) error {
	for _, name := range []string{fiber.HeaderContentSecurityPolicy, fiber.HeaderXContentTypeOptions, fiber.HeaderXFrameOptions, fiber.HeaderReferrerPolicy} {
		c.Response().Header.Del(name)
	}
	return c.Next()
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
