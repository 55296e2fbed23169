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
)

// operational reports whether a path is for machines that watch the gateway, and for no page. Routes
// take paths with slashes at their ends, too.
func operational(path string) bool {
	path = strings.TrimRight(path, "/")
	return path == pathReady || path == pathMetrics
}

// operations mounts what operators and machines ask for.
func (g *Gateway) operations(app *fiber.App) {
	app.Get("/healthz", func(c *fiber.Ctx) error { return answer(c, http.StatusOK, health.State{Status: health.WordOK}) })
	app.Get(pathReady, g.private, g.ready)
	app.Get(pathMetrics, g.private, adaptor.HTTPHandler(promhttp.HandlerFor(g.deps.Gatherer, promhttp.HandlerOpts{})))
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
	if g.draining.Load() {
		return errDraining
	}
	return nil
}

// ready names every dependency; why one is down is for the log.
func (g *Gateway) ready(c *fiber.Ctx) error {
	checks := map[string]error{"gateway": g.Check(c.UserContext())}
	if g.deps.Health != nil {
		ctx, cancel := g.rpc(c.UserContext())
		defer cancel()
		for name, err := range g.deps.Health(ctx) {
			checks[name] = err
		}
	}
	for name, err := range checks {
		if err != nil {
			g.log.Warn("not ready", zap.String("dependency", name), zap.Error(err))
		}
	}
	r, status := health.Summarize(checks), http.StatusOK
	if r.Status == health.WordDown {
		status = http.StatusServiceUnavailable
	}
	return answer(c, status, r)
}
