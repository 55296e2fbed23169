package gateway

import (
	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/contracts"
)

// routes makes the HTTP server with its routes.
func (g *Gateway) routes() (*fiber.App, error) {
	app := g.newApp()
	app.Use(g.observe, g.preflight, refuseEncoded)

	app.Add(fiber.MethodGet, "/ws", g.websocketRoute) // Get would take HEAD as well
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

	g.operations(app)
	g.documentation(app)
	if err := g.website(app); err != nil {
		return nil, err
	}
	return app, nil
}

func notFound(*fiber.Ctx) error { return contracts.NewError(contracts.CodeNotFound, "") }
