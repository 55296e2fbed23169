package gateway

import (
	"errors"
	"net/http"

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

// operational reports whether a path is for machines that watch the gateway, and for no page.
func operational(path string) bool { return path == pathReady || path == pathMetrics }

// operations mounts what operators and machines ask for.
func (g *Gateway) operations(app *fiber.App) {
	app.Get("/healthz", func(c *fiber.Ctx) error { return answer(c, http.StatusOK, health.State{Status: health.WordOK}) })
	app.Get(pathReady, g.ready)
	app.Get(pathMetrics, adaptor.HTTPHandler(promhttp.HandlerFor(g.deps.Gatherer, promhttp.HandlerOpts{})))
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

var errDraining = errors.New("the gateway is stopping")

// ready names every dependency; why one is down is for the log.
func (g *Gateway) ready(c *fiber.Ctx) error {
	checks := map[string]error{"gateway": nil}
	if g.draining.Load() {
		checks["gateway"] = errDraining
	}
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
