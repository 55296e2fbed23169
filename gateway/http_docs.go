package gateway

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/gateway/docs"
)

// documentation serves the contract for people, when there is one.
func (g *Gateway) documentation(app *fiber.App) error {
	if len(g.deps.OpenAPI) == 0 || len(g.deps.AsyncAPI) == 0 {
		return nil
	}
	files, err := docs.Render(g.deps.OpenAPI, g.deps.AsyncAPI)
	if err != nil {
		return fmt.Errorf("make the documentation: %w", err)
	}
	for name, text := range files {
		kind := name
		if name == docs.Page {
			kind += ".html"
		}
		app.Get("/"+name, staticFile(kind, text))
	}
	return nil
}
