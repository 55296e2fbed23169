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
// A method that Fiber does not know it would answer by itself, without the middlewares and in a form of
// its own. Such a request goes on as TRACE, which no route takes either, and is refused like one.
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
