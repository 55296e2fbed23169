package docs

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gochat/gochat/contracts"
)

func rendered(t *testing.T) string {
	t.Helper()
	files, err := Render(contracts.OpenAPI, contracts.AsyncAPI)
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.NotEmpty(t, files[Style])
	return string(files[Page])
}

// TestPageHasAll: every call, frame, object, field, code and close code is on the page.
func TestPageHasAll(t *testing.T) {
	t.Parallel()
	page := html.UnescapeString(rendered(t))
	var http struct {
		Paths map[string]map[string]struct {
			OperationID string `yaml:"operationId"`
		}
		Components struct{ Schemas map[string]schema }
	}
	require.NoError(t, yaml.Unmarshal(contracts.OpenAPI, &http))
	for path, item := range http.Paths {
		assert.Contains(t, page, "<code>"+path+"</code>")
		for _, op := range item {
			assert.Contains(t, page, `id="`+op.OperationID+`"`)
		}
	}
	var socket struct {
		Components struct {
			Messages map[string]message
			Schemas  map[string]schema
		}
	}
	require.NoError(t, yaml.Unmarshal(contracts.AsyncAPI, &socket))
	for id, m := range socket.Components.Messages {
		assert.Contains(t, page, `id="`+id+`"`)
		assert.Contains(t, page, m.Summary)
	}
	for _, schemas := range []map[string]schema{http.Components.Schemas, socket.Components.Schemas} {
		for _, s := range schemas {
			for _, p := range s.Properties {
				assert.Contains(t, page, "<code>"+p.Name+"</code>")
			}
		}
	}
	for name := range http.Components.Schemas {
		assert.Contains(t, page, `id="`+name+`"`)
	}
	for _, s := range contracts.Errors {
		assert.Contains(t, page, "<code>"+string(s.Code)+"</code>")
	}
	for _, code := range []string{"4001", "4002", "4003", "4004", "4008", "1009", "1012"} {
		assert.Contains(t, page, "<code>"+code+"</code>")
	}
}

// TestLinksLeadSomewhere: each link within the page has its end, and no id is there twice.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	page := rendered(t)
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		ids[m[1]]++
		assert.Equal(t, 1, ids[m[1]], m[1])
	}
	links := regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, links)
	for _, m := range links {
		assert.Equal(t, 1, ids[m[1]], "a link to #%s", m[1])
	}
}

// TestPageIsSelfContained: nothing that the content security policy refuses, and
// nothing from elsewhere.
func TestPageIsSelfContained(t *testing.T) {
	t.Parallel()
	page := rendered(t)
	for _, wrong := range []string{"<script", "<style", " style=", " onclick", "javascript:", "https://", "//cdn"} {
		assert.NotContains(t, page, wrong)
	}
	assert.NotContains(t, string(style), "url(")
	assert.NotContains(t, string(style), "@import")
}

func TestInlineEscapes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a &lt;b&gt; <code>&lt;c&gt;</code> d", string(inline("a <b> `<c>` d")))
	assert.Equal(t, "an odd`one", string(inline("an odd`one")))
}

func TestExamples(t *testing.T) {
	t.Parallel()
	var doc struct{ A yaml.Node }
	require.NoError(t, yaml.Unmarshal([]byte(`a: {z: "1", a: [1, true, "<&>"], long: {words: "`+strings.Repeat("w", exampleWidth)+`"}}`), &doc))
	got, err := text(&doc.A)
	require.NoError(t, err)
	assert.Equal(t, "{\n  \"z\": \"1\",\n  \"a\": [1, true, \"<&>\"],\n  \"long\": {\n    \"words\": \""+strings.Repeat("w", exampleWidth)+"\"\n  }\n}", got)
	none, err := text(&yaml.Node{})
	require.NoError(t, err)
	assert.Empty(t, none)
}

func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	for _, files := range [][2]string{{"{", ""}, {"openapi: 3.0.3", ""}, {string(contracts.OpenAPI), "asyncapi: 3.0.0"}, {"paths: {/x: 5}", ""}} {
		_, err := Render([]byte(files[0]), []byte(files[1]))
		assert.Error(t, err, files[0])
	}
}
