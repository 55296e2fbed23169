package contracts_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gochat/gochat/contracts"
)

// TestOpenAPIKnowsEveryCode: the file is valid, its examples are too, and its codes
// are those that the server can answer.
func TestOpenAPIKnowsEveryCode(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	body := doc.Components.Schemas["Error"].Value.Properties["error"].Value
	assert.ElementsMatch(t, codeNames(), body.Properties["code"].Value.Enum)
}

func codeNames() []any {
	var all []any
	for _, s := range contracts.Errors {
		all = append(all, string(s.Code))
	}
	return all
}

// TestOpenAPIKnowsEveryRefusal: each call of the API says what it answers when it is
// refused, and each error has an example.
func TestOpenAPIKnowsEveryRefusal(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	for path, item := range doc.Paths.Map() {
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		for method, op := range item.Operations() {
			want := []int{415, 429, 431, 500, 503}
			if op.Security == nil {
				want = append(want, 401)
			}
			if op.RequestBody != nil {
				want = append(want, 400, 413)
			}
			if strings.Contains(path, "{") {
				want = append(want, 404)
			}
			for _, status := range want {
				assert.NotNil(t, op.Responses.Status(status), "%s %s: %d", method, path, status)
			}
		}
	}
	for name, r := range doc.Components.Responses {
		assert.NotNil(t, r.Value.Content["application/json"].Example, name)
	}
}

// TestBothFilesSayTheSame: what is in both files is the same in both.
func TestBothFilesSayTheSame(t *testing.T) {
	t.Parallel()
	http, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	var socket struct {
		Components struct {
			Schemas map[string]struct {
				Enum       []any
				Required   []string
				Properties map[string]struct{ Const string }
				OneOf      []any `yaml:"oneOf"`
				AnyOf      []any `yaml:"anyOf"`
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(contracts.AsyncAPI, &socket))
	assert.ElementsMatch(t, codeNames(), socket.Components.Schemas["Code"].Enum)
	for theirs, ours := range map[string]string{
		"Message": "Message", "Stored": "Stored", "Reaction": "Reaction", "Presence": "Presence", "SendMessage": "SendMessage",
		"SystemContent": "SystemContent", "MessageRecalled": "MessageRecalled", "MessageEdited": "MessageEdited",
		"ReactionChanged": "ReactionChanged", "MembersAdded": "MembersAdded", "MemberRemoved": "MemberRemoved",
	} {
		a, b := http.Components.Schemas[theirs].Value, socket.Components.Schemas[ours]
		assert.ElementsMatch(t, a.Required, b.Required, theirs)
		assert.ElementsMatch(t, slices.Collect(maps.Keys(a.Properties)), slices.Collect(maps.Keys(b.Properties)), theirs)
		assert.Len(t, b.OneOf, len(a.OneOf), theirs)
		assert.Len(t, b.AnyOf, len(a.AnyOf), theirs)
	}
}

// TestAsyncAPIKnowsEveryFrame: the frame types that have a name in Go are those that have a message, and
// each message says its type and has an example.
func TestAsyncAPIKnowsEveryFrame(t *testing.T) {
	t.Parallel()
	var doc struct {
		Components struct {
			Messages map[string]struct {
				Name    string
				Payload struct {
					Properties struct{ Type struct{ Const string } }
				}
				Examples []struct {
					Payload struct {
						Type string
						Data map[string]any
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(contracts.AsyncAPI, &doc))
	described := map[string]bool{}
	for id, m := range doc.Components.Messages {
		described[m.Name] = true
		assert.Equal(t, m.Name, m.Payload.Properties.Type.Const, id)
		assert.NotEmpty(t, m.Examples, "an example: %s", id)
		for _, e := range m.Examples {
			assert.Equal(t, m.Name, e.Payload.Type, "an example: %s", id)
			assert.NotNil(t, e.Payload.Data, "an example: %s", id)
		}
	}
	assert.ElementsMatch(t, frameNames(t), slices.Collect(maps.Keys(described)))
}

// frameNames are the values of the constants of this package whose names begin with Frame.
func frameNames(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range frameConstant.FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
	}
	return all
}

var frameConstant = regexp.MustCompile(`(?m)^\s+Frame\w+\s+= "([^"]+)"`)

// TestTheEpochMayBeMissing: an answer of a gateway whose repo role is of the release before is within the contract, over
// HTTP and in hello.
func TestTheEpochMayBeMissing(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	page := map[string]any{"conversations": []any{}, "more": false}
	require.NoError(t, doc.Components.Schemas["SyncAnswer"].Value.VisitJSON(page))
	page["epoch"] = ""
	require.Error(t, doc.Components.Schemas["SyncAnswer"].Value.VisitJSON(page), "it is left out then")
	var frames struct {
		Components struct {
			Schemas map[string]struct {
				Required []string `yaml:"required"`
			} `yaml:"schemas"`
		} `yaml:"components"`
	}
	require.NoError(t, yaml.Unmarshal(contracts.AsyncAPI, &frames))
	require.NotEmpty(t, frames.Components.Schemas["Hello"].Required)
	assert.NotContains(t, frames.Components.Schemas["Hello"].Required, "epoch")
}
