package contracts_test

import (
	"maps"
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

// TestAsyncAPIKnowsEveryFrame: every frame type has a message, with an example.
func TestAsyncAPIKnowsEveryFrame(t *testing.T) {
	t.Parallel()
	text := string(contracts.AsyncAPI)
	for _, frame := range []string{
		contracts.FrameSend, contracts.FramePing, contracts.FrameRead, contracts.FrameTyping, contracts.FrameHello,
		contracts.FrameAck, contracts.FrameStored, contracts.FrameRejected, contracts.FrameNew, contracts.FrameGroup,
		contracts.FrameSyncHint, contracts.FramePong, contracts.FrameError,
		contracts.FrameChange,
		contracts.FrameDelivered, contracts.FramePresenceSubscribe, contracts.FramePresence,
	} {
		assert.True(t, strings.Contains(text, "{type: string, const: "+frame+"}"), "a message: %s", frame)
		assert.True(t, strings.Contains(text, `payload: {"type": "`+frame+`", "data": {`), "an example: %s", frame)
	}
	assert.Equal(t, strings.Count(text, "      payload:\n"), strings.Count(text, "      examples:\n"), "an example for each message")
}

// TestTheEpochMayBeMissing: an answer that a gateway makes of what a storage role of the version
// before says is within the contract, in HTTP and in hello.
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
