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
		ReadBufferSize:        g.cfg.HeaderLimit,
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

// guard refuses requests whose end is in doubt, before any route sees them, and closes their connections.
//
// Fiber would answer an unknown method by itself, without the middlewares and in a form of its own. Such a request goes
// on as TRACE, which no route takes either, so that it is refused in the contract's form.
func (g *Gateway) guard(app *fiber.App) {
	server := app.Server()
	route := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if err := checkFraming(&ctx.Request.Header); err != nil {
			c := app.AcquireCtx(ctx)
			defer app.ReleaseCtx(c)
			ctx.SetConnectionClose()
			linger(ctx)
			_ = g.fail(c, err) // without an answer, closing is the answer
			return
		}
		if !slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			ctx.Request.Header.SetMethod(fiber.MethodTrace)
		}
		route(ctx)
	}
}

// answerErrors sees to connections whose request could not be read.
//
// A request that does not come in time gets no answer, and its connection is closed: browsers and libraries open
// connections ahead of need, and would take the answer for that of a request that is on its way at that moment.
//
// A request that is too large or malformed is answered, and its client gets time to read the answer.
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
