package conform

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gochat/gochat/contracts"
)

func contract(t *testing.T) *Contract {
	t.Helper()
	c, err := New()
	require.NoError(t, err)
	return c
}

const message = `{"messageId":"9","conversationId":"world","seqId":1,"senderId":"8","tempMessageId":"t","timestamp":1,`

func TestServerFrames(t *testing.T) {
	t.Parallel()
	c := contract(t)
	for frame, good := range map[string]bool{
		`{"type":"pong","data":{}}`:         true,
		`{"type":"pong"}`:                   false,
		`{"type":"send-message","data":{}}`: false, // the other direction
		`{"type":"dance","data":{}}`:        false,
		`{"data":{}}`:                       false,
		`[]`:                                false,
		`{`:                                 false,
		`{"type":"read","data":{"conversationId":"world","userId":"1","readSeq":7}}`:                                                    true,
		`{"type":"read","data":{"conversationId":"world","userId":1,"readSeq":7}}`:                                                      false,
		`{"type":"read","data":{"conversationId":"world","userId":"1","readSeq":7,"undocumented":1}}`:                                   false,
		`{"type":"presence","data":{"userId":"1","online":true}}`:                                                                       true,
		`{"type":"error","data":{"code":"nonsense","message":"x"}}`:                                                                     false,
		`{"type":"new-message","data":` + message + `"messageType":"text","content":"plain"}}`:                                          true,
		`{"type":"new-message","data":` + message + `"messageType":"system","content":"plain"}}`:                                        false,
		`{"type":"new-message","data":` + message + `"messageType":"system","content":"{\"event\":\"message-recalled\",\"seqId\":5}"}}`: true,
		`{"type":"new-message","data":` + message + `"messageType":"system","content":"{\"event\":\"message-recalled\"}"}}`:             false,
		`{"type":"new-message","data":` + message + `"messageType":"system","content":"{\"event\":\"party\"}"}}`:                        false,
	} {
		assert.Equal(t, good, c.ServerFrame([]byte(frame)) == nil, "%s: %v", frame, c.ServerFrame([]byte(frame)))
	}
}

// TestExamplesAreValid: the examples of each message in asyncapi.yaml match its schema.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	c := contract(t)
	var doc struct {
		Components struct {
			Messages map[string]struct {
				Name     string
				Examples []struct{ Payload any }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(contracts.AsyncAPI, &doc))
	require.Len(t, doc.Components.Messages, len(c.client)+len(c.server), "each is in an operation")
	for id, m := range doc.Components.Messages {
		schemas := c.server
		if id == "client-"+m.Name {
			schemas = c.client
		}
		assert.NotEmpty(t, m.Examples, id)
		for _, e := range m.Examples {
			assert.NoError(t, c.frame(schemas, encode(t, e.Payload)), id)
		}
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	c := contract(t)
	history := func(m string) string { return `{"lastSeq":1,"hasMore":false,"messages":[` + m + `]}` }
	for body, good := range map[string]bool{
		history(message + `"messageType":"text","content":""}`):                                                     true,
		history(message + `"messageType":"text"}`):                                                                  false,
		history(message + `"messageType":"text","content":"","undocumented":1}`):                                    false,
		history(message + `"messageType":"system","content":"hello"}`):                                              false,
		history(message + `"messageType":"system","content":"{\"event\":\"member-removed\",\"userIds\":[\"7\"]}"}`): true,
	} {
		req := httptest.NewRequest(http.MethodGet, "/api/conversations/world/messages", nil)
		resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "X-Trace-Id": {"x"}}}
		assert.Equal(t, good, c.Response(req, resp, []byte(body)) == nil, "%s: %v", body, c.Response(req, resp, []byte(body)))
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}
