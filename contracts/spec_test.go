package contracts_test

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	assert.ElementsMatch(t, []any{
		string(contracts.CodeInvalidArgument), string(contracts.CodeUnauthenticated), string(contracts.CodeInvalidCredentials),
		string(contracts.CodePermissionDenied), string(contracts.CodeNotFound), string(contracts.CodeUsernameTaken),
		string(contracts.CodeAlreadyExists), string(contracts.CodeConflict), string(contracts.CodePayloadTooLarge),
		string(contracts.CodeRateLimited), string(contracts.CodeUnavailable), string(contracts.CodeInternal),
	}, body.Properties["code"].Value.Enum)
}

// TestAsyncAPIKnowsEveryFrame: every frame type has a message, with an example.
func TestAsyncAPIKnowsEveryFrame(t *testing.T) {
	t.Parallel()
	text := string(contracts.AsyncAPI)
	for _, frame := range []string{
		contracts.FrameSend, contracts.FramePing, contracts.FrameRead, contracts.FrameTyping, contracts.FrameHello,
		contracts.FrameAck, contracts.FrameStored, contracts.FrameRejected, contracts.FrameNew, contracts.FrameGroup,
		contracts.FrameSyncHint, contracts.FramePong, contracts.FrameError,
		contracts.FrameDelivered, contracts.FramePresenceSubscribe, contracts.FramePresence,
	} {
		assert.True(t, strings.Contains(text, "{type: string, const: "+frame+"}"), "a message: %s", frame)
		assert.True(t, strings.Contains(text, `payload: {"type": "`+frame+`", "data": {`), "an example: %s", frame)
	}
	assert.Equal(t, strings.Count(text, "      payload:\n"), strings.Count(text, "      examples:\n"), "an example for each message")
}
