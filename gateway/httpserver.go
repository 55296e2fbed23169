package gateway

import (
	"errors"
	"net"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// newApp makes the HTTP server, without routes.
func (g *Gateway) newApp() *fiber.App {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		CaseSensitive:         true,
		BodyLimit:             g.cfg.BodyLimit,
		ReadTimeout:           g.cfg.ReadTimeout,
		WriteTimeout:          g.cfg.WriteTimeout,
		IdleTimeout:           g.cfg.IdleTimeout,
		ReadBufferSize:        headerLimit,
		ErrorHandler:          g.fail,
		// A form would be read into memory and files of its own, and no call takes one.
		DisablePreParseMultipartForm: true,
	})
	app.Server().KeepHijackedConns = true
	app.Server().CloseOnShutdown = true
	g.guard(app)
	answerErrors(app)
	return app
}

// guard refuses what must not reach a route, with the contract's error: requests whose end is in doubt,
// and methods that Fiber refuses before its middlewares.
func (g *Gateway) guard(app *fiber.App) {
	server := app.Server()
	route := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		err := checkFraming(&ctx.Request.Header)
		known := slices.Contains(fiber.DefaultMethods, string(ctx.Method()))
		if err == nil && known {
			route(ctx)
			return
		}
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		if err != nil {
			ctx.SetConnectionClose()
			linger(ctx)
		} else {
			err = notFound(c)
		}
		if err := g.fail(c, err); err != nil {
			ctx.SetConnectionClose() // no answer could be made
		}
	}
}

// answerErrors sees to connections whose request could not be read.
//
// One that does not come in time is closed without a word. An answer there may be taken for the one to
// a request that is on its way at that moment: browsers and libraries open connections ahead of need.
//
// Who sends too much, or nonsense, gets an answer, and time to read it.
func answerErrors(app *fiber.App) {
	server := app.Server()
	answer := server.ErrorHandler
	server.ErrorHandler = func(c *fasthttp.RequestCtx, err error) {
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			_ = c.Conn().Close() // what the server still writes goes nowhere
			return
		}
		answer(c, err)
		linger(c)
	}
}
