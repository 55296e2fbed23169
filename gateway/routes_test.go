package gateway

import (
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// pathPart is a part of a path that stands for an id.
var pathPart = regexp.MustCompile(`:\w+|\{\w+\}`)

// TestRoutesAreTheContract: the table has the calls of openapi.yaml, and asks for a token where that says
// so. Sockets are asyncapi.yaml's, and the pages of /status are no call.
func TestRoutesAreTheContract(t *testing.T) {
	table, err := start(t).gw.table()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	want, got := map[string]bool{}, map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			want[method+" "+pathPart.ReplaceAllString(path, "{}")] = op.Security == nil
		}
	}
	for _, r := range table {
		call := r.method + " " + pathPart.ReplaceAllString(r.path, "{}")
		require.NotContains(t, got, call, "it is there once")
		require.True(t, slices.Contains(knownMethods, r.method), "metrics and preflights know the method of %s", call)
		if r.scope != scopeSocket && r.path != "/status" && r.path != "/status.json" {
			got[call] = r.scope == scopeUser || r.scope == scopeToken
		}
	}
	require.Equal(t, want, got)
}

// TestCallsAskForAToken: all that are not for everybody, before they look at anything else.
func TestCallsAskForAToken(t *testing.T) {
	h := start(t)
	table, err := h.gw.table()
	require.NoError(t, err)
	asked := 0
	for _, r := range table {
		if r.scope != scopeUser && r.scope != scopeToken {
			continue
		}
		asked++
		body := ""
		if r.method != http.MethodGet {
			body = "no JSON"
		}
		answer := h.call(r.method, pathPart.ReplaceAllString(r.path, "1"), "", body)
		require.Equal(t, http.StatusUnauthorized, answer.status, "%s %s", r.method, r.path)
		require.Equal(t, contracts.CodeUnauthenticated, answer.err.Code, "%s %s", r.method, r.path)
	}
	require.NotZero(t, asked)
	h.logic.mu.Lock()
	defer h.logic.mu.Unlock()
	require.Empty(t, h.logic.calls, "no service but that of tokens is asked")
}
