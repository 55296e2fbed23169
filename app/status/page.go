package status

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

//go:embed page
var files embed.FS

// page is the whole status page. policy is its Content-Security-Policy, which allows nothing from other origins.
var page, policy = build()

func build() (page, policy string) {
	read := func(name string) string {
		text, err := files.ReadFile("page/" + name)
		if err != nil {
			panic(err) // the file is embedded
		}
		return string(text)
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	style, script := read("style.css"), read("script.js")
	page = strings.NewReplacer("{{style}}", style, "{{script}}", script).Replace(read("index.html"))
	policy = "default-src 'none'; connect-src 'self'; style-src " + hash(style) + "; script-src " + hash(script) +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return page, policy
}

// Page serves the status page. It holds no data of the process: its script gets them from /status.json.
func Page(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write([]byte(page)) // fails only when the client is gone
}

// JSON serves the result of report as JSON, and 503 when report fails. alone is true for a request with ?alone,
// which wants the status of this process only.
func JSON(report func(ctx context.Context, alone bool) (*Report, error), log *zap.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		made, err := report(r.Context(), r.URL.Query().Has("alone"))
		if err != nil {
			log.Warn("the status could not be told", zap.Error(err))
			http.Error(w, "The status cannot be told just now.", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(made); err != nil {
			log.Debug("the client closed the connection before the status was written", zap.Error(err))
		}
	})
}
