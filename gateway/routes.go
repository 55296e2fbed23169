package gateway

import (
	"errors"
	"net"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/gochat/gochat/contracts"
)

// headerLimit is how long a request line with its headers may be, in bytes.
const headerLimit = 8 << 10

// bodySlack times the limit is read of a body that is too large: a server that
// closes while the client still writes resets the connection, and the client
// never sees its 413.
const bodySlack = 4

// routes makes the HTTP server.
func (g *Gateway) routes() (*fiber.App, error) {
	app := fiber.New(fiber.Config{
		DisableStartupMessage: true,
		CaseSensitive:         true,
		BodyLimit:             bodySlack * g.cfg.BodyLimit,
		ReadTimeout:           g.cfg.ReadTimeout,
		WriteTimeout:          g.cfg.WriteTimeout,
		IdleTimeout:           g.cfg.IdleTimeout,
		ReadBufferSize:        headerLimit,
		ErrorHandler:          g.fail,
	})
	app.Server().KeepHijackedConns = true
	app.Server().CloseOnShutdown = true
	g.answerUnknownMethods(app)
	hangUpOnSilence(app)
	app.Use(g.observe, g.limitBody)

	app.Get("/ws", g.websocketRoute)
	api := app.Group("/api")
	api.Post("/auth/register", g.limitAuth, g.register)
	api.Post("/auth/login", g.limitAuth, g.login)
	api.Post("/auth/logout", g.logout)

	api.Get("/users/me", g.authenticated(g.me))
	api.Patch("/users/me", g.authenticated(g.updateMe))
	api.Get("/users/:userId", g.authenticated(g.user))
	api.Get("/users", g.authenticated(g.findUser))

	api.Post("/conversations", g.authenticated(g.createConversation))
	api.Get("/conversations", g.authenticated(g.listConversations))
	api.Get("/conversations/:id", g.authenticated(g.conversation))
	api.Get("/conversations/:id/messages", g.authenticated(g.history))
	api.Post("/conversations/:id/read", g.authenticated(g.readConversation))
	api.Get("/conversations/:id/messages/:seqId/readers", g.authenticated(g.listReaders))
	api.Post("/sync", g.authenticated(g.sync))
	api.Post("/conversations/:id/messages/:seqId/changes", g.authenticated(g.changeOverHTTP))

	api.Post("/groups", g.authenticated(g.createGroup))
	api.Get("/groups/:group", g.authenticated(g.group))
	api.Patch("/groups/:group", g.authenticated(g.updateGroup))
	api.Delete("/groups/:group", g.authenticated(g.dissolveGroup))
	api.Get("/groups/:group/members", g.authenticated(g.groupMembers))
	api.Post("/groups/:group/members", g.authenticated(g.addMembers))
	api.Post("/groups/:group/join", g.authenticated(g.joinGroup))
	api.Delete("/groups/:group/members/:user", g.authenticated(g.removeMember))
	api.Put("/groups/:group/members/:user/role", g.authenticated(g.setRole))

	api.Post("/messages", g.authenticated(g.sendOverHTTP))
	api.Get("/messages/outcome", g.authenticated(g.outcome))
	api.Get("/search", g.authenticated(g.search))

	api.Get("/devices", g.authenticated(g.listDevices))
	api.Delete("/devices/:deviceId", g.authenticated(g.revokeDevice))
	api.Get("/presence", g.authenticated(g.presenceOf))
	api.Use(notFound)

	g.operations(app)
	g.documentation(app)
	if err := g.website(app); err != nil {
		return nil, err
	}
	app.Use(notFound)
	return app, nil
}

// limitBody refuses what is over the limit.
func (g *Gateway) limitBody(c *fiber.Ctx) error {
	if len(c.Request().Body()) > g.cfg.BodyLimit {
		return contracts.NewError(contracts.CodePayloadTooLarge, "")
	}
	return c.Next()
}

// answerUnknownMethods gives methods that Fiber refuses before its middlewares the
// contract's error.
func (g *Gateway) answerUnknownMethods(app *fiber.App) {
	server := app.Server()
	known := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			known(ctx)
			return
		}
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		if err := g.fail(c, notFound(c)); err != nil {
			ctx.SetConnectionClose() // no answer could be made
		}
	}
}

func notFound(*fiber.Ctx) error { return contracts.NewError(contracts.CodeNotFound, "") }

// hangUpOnSilence closes a connection whose request does not come in time without a
// word. An answer there may be taken for the one to a request that is on its way at
// that moment: browsers and libraries open connections ahead of need.
func hangUpOnSilence(app *fiber.App) {
	server := app.Server()
	answer := server.ErrorHandler
	server.ErrorHandler = func(c *fasthttp.RequestCtx, err error) {
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			_ = c.Conn().Close() // what the server still writes goes nowhere
			return
		}
		answer(c, err)
	}
}
