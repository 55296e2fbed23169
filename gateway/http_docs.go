package gateway

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/gateway/docs"
)

// documentRoutes show the contract to people, if the gateway has it. The page is rendered for the first who asks: at
// the start, rendering would take longer than everything else.
func (g *Gateway) documentRoutes() []route {
	if len(g.deps.OpenAPI) == 0 || len(g.deps.AsyncAPI) == 0 {
		return nil
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
	show := func(name string) func(r *caller) error {
		return func(r *caller) error {
			all, err := files()
			if err != nil {
				return err
			}
			return all[name](r.Ctx)
		}
	}
	return []route{
		{method: http.MethodGet, path: "/" + docs.Page, scope: scopePublic, handle: show(docs.Page)},
		{method: http.MethodGet, path: "/" + docs.Style, scope: scopePublic, handle: show(docs.Style)},
	}
}
