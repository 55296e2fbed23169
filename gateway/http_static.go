package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// contentTypes are those of the web client, whatever the machine's own table says.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".json": "application/json; charset=utf-8", ".svg": "image/svg+xml",
	".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json", ".map": "application/json; charset=utf-8", ".webp": "image/webp",
}

// immutableDir holds files whose names change with their content.
const immutableDir = "assets/"

// websiteRoutes serve the web client from memory.
func (g *Gateway) websiteRoutes() (all []route, err error) {
	if g.deps.Web == nil {
		return nil, nil
	}
	err = fs.WalkDir(g.deps.Web, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read the web client: %w", err)
		}
		if entry.IsDir() {
			return nil
		}
		text, err := fs.ReadFile(g.deps.Web, name)
		if err != nil {
			return fmt.Errorf("read the web client: %w", err)
		}
		file := route{method: http.MethodGet, path: "/" + name, scope: scopePublic, handle: plain(staticFile(name, text))}
		all = append(all, file)
		if name == "index.html" {
			file.path = "/"
			all = append(all, file)
		}
		return nil
	})
	return all, err
}

func staticFile(name string, text []byte) fiber.Handler {
	kind, ok := contentTypes[path.Ext(name)]
	if !ok {
		if kind = mime.TypeByExtension(path.Ext(name)); kind == "" {
			kind = "application/octet-stream"
		}
	}
	caching := "no-cache" // browsers ask again, and mostly get 304
	if strings.HasPrefix(name, immutableDir) {
		caching = "public, max-age=31536000, immutable"
	}
	sum := sha256.Sum256(text)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, caching)
		c.Set(fiber.HeaderETag, tag)
		if c.Get(fiber.HeaderIfNoneMatch) == tag {
			return c.SendStatus(fiber.StatusNotModified)
		}
		c.Set(fiber.HeaderContentType, kind)
		return c.Send(text)
	}
}
