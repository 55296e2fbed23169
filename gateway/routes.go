package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/contracts"
)

// route is one row of the table of routes.
type route struct {
	// method GET takes HEAD as well, except on the route for sockets.
	method, path string
	scope        scope
	// limit runs before the handler; nil: there is no limit besides that of the scope.
	limit fiber.Handler
	// handle answers; nil leaves the route out, when this gateway was not given what the route shows.
	handle func(r *caller) error
}

// scope says for whom a route is. The strictest one is the zero value.
type scope uint8

const (
	// scopeUser is for users: the request carries a token, and counts against its user's calls.
	scopeUser scope = iota
	// scopeToken is for requests with a token that the handler hands to the service unchecked.
	scopeToken
	// scopeSocket is for handshakes, by GET alone, from pages that may connect. The handler checks the token.
	scopeSocket
	// scopeOperator is for operators, on a port that is for them (see private). No page of another origin may read the
	// answer.
	scopeOperator
	// scopePublic is for everybody.
	scopePublic
)

// table is the one table of routes: each file has the rows of the calls that it answers, and table puts
// them together. From it come the server's routes, the methods that a preflight names, and which paths are
// for operators; a test holds it to contracts/openapi.yaml. Of two rows that fit a path the first is taken.
func (g *Gateway) table() ([]route, error) {
	website, err := g.websiteRoutes()
	if err != nil {
		return nil, err
	}
	return slices.Concat(
		g.socketRoutes(), g.userRoutes(), g.conversationRoutes(), g.groupRoutes(), g.messageRoutes(), g.searchRoutes(), g.deviceRoutes(),
		g.operatorRoutes(), g.documentRoutes(), website,
	), nil
}

// routes makes the HTTP server with its routes.
func (g *Gateway) routes() (*fiber.App, error) {
	table, err := g.table()
	if err != nil {
		return nil, err
	}
	g.methods, g.operational = methodsOf(table), map[string]bool{}
	app := g.newApp()
	app.Use(g.observe, g.preflight, refuseEncoded)
	for _, r := range table {
		if r.scope == scopeOperator {
			g.operational[r.path] = true
		}
		switch {
		case r.handle == nil:
		case r.method == http.MethodGet && r.scope != scopeSocket:
			app.Get(r.path, g.chain(r)...) // takes HEAD as well
		default:
			app.Add(r.method, r.path, g.chain(r)...)
		}
	}
	return app, nil
}

// chain is what a request passes on its way to the handler, in this order.
func (g *Gateway) chain(r route) []fiber.Handler {
	var all []fiber.Handler
	switch r.scope {
	case scopeSocket:
		all = append(all, g.checkOrigin)
	case scopeOperator:
		all = append(all, g.private)
	}
	if r.limit != nil {
		all = append(all, r.limit)
	}
	if r.scope == scopeUser {
		return append(all, g.authenticated(r.handle))
	}
	return append(all, func(c *fiber.Ctx) error { return r.handle(&caller{Ctx: c}) })
}

// plain makes a route's handler of one that needs no user.
func plain(handle fiber.Handler) func(r *caller) error {
	return func(r *caller) error { return handle(r.Ctx) }
}

// knownMethods are the methods that metrics tell apart, in the order in which a preflight names those that
// routes take.
var knownMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// methodsOf lists the methods that a table takes.
func methodsOf(table []route) string {
	var taken []string
	for _, m := range knownMethods {
		if slices.ContainsFunc(table, func(r route) bool { return r.method == m || m == http.MethodHead && r.method == http.MethodGet }) {
			taken = append(taken, m)
		}
	}
	return strings.Join(taken, ", ")
}

func notFound(*fiber.Ctx) error { return contracts.NewError(contracts.CodeNotFound, "") }
