package gateway

import (
	"fmt"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/gateway/docs"
)

// documentation serves the contract for people, when there is one. It is rendered for
// the first who asks: reading the contract takes longer than anything else in a start.
func (g *Gateway) documentation(app *fiber.App) {
	if len(g.deps.OpenAPI) == 0 || len(g.deps.AsyncAPI) == 0 {
		return
	}
	files := sync.OnceValues(func() (map[string]fiber.Handler, error) {
		texts, err := docs.Render(g.deps.OpenAPI, g.deps.AsyncAPI)
		if err != nil {
			return nil, fmt.Errorf("make the documentation: %w", err)
		}
		return map[string]fiber.Handler{
			docs.Page: staticFile(docs.Page+".html", texts[docs.Page]), docs.Style: staticFile(docs.Style, texts[docs.Style]),
		}, nil
	})
	for _, name := range []string{docs.Page, docs.Style} {
		app.Get("/"+name, func(c *fiber.Ctx) error {
			all, err := files()
			if err != nil {
				return err
			}
			return all[name](c)
		})
	}
}
