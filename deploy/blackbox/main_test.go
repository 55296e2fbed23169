// Package blackbox looks at a running server as a client does: every answer is
// held to the OpenAPI file, every promise of the contract to what happens.
package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/deploy/chaos"
)

var (
	bases  []string
	turn   atomic.Uint64
	routes routers.Router
	// binary is what was built; empty when the server is somebody else's.
	binary string
)

// base is the address for the next call: of several gateways each gets its turn,
// so that no promise is kept by one gateway alone.
func base() string { return bases[turn.Add(1)%uint64(len(bases))] }

// TestMain runs against GOCHAT_TEST_URL (several with commas), or against a server
// that it builds and starts.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err == nil {
		doc.Servers = nil // whatever its address
		routes, err = gorillamux.NewRouter(doc)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openapi.yaml:", err)
		return 1
	}
	if urls := os.Getenv("GOCHAT_TEST_URL"); urls != "" {
		bases = strings.Split(urls, ",")
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "gochat-blackbox-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := start(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bases = []string{server.URL()}
	code := m.Run()
	if exit, _, err := server.Term(); err != nil || exit != 0 || strings.Contains(server.Output(), "panic:") {
		fmt.Fprintln(os.Stderr, "the server did not stop well:", exit, err, server.Output())
		return 1
	}
	return code
}

func start(dir string) (*chaos.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	bin, err := chaos.Build(ctx, dir)
	if err != nil {
		return nil, err
	}
	address, err := chaos.FreeAddress()
	if err != nil {
		return nil, err
	}
	binary = bin
	s := &chaos.Server{Binary: bin, DataDir: dir + "/data", Address: address, Env: []string{"GOCHAT_LIMITS_SOCKETS_PER_USER=20"}}
	return s, s.Start(ctx)
}

// answer is an HTTP answer that was held to the OpenAPI file.
type answer struct {
	Status int
	Header http.Header
	Body   map[string]any
	Raw    []byte
}

func (a answer) code() string {
	e, _ := a.Body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

// field is what the error says about a field.
func (a answer) field(name string) string {
	e, _ := a.Body["error"].(map[string]any)
	f, _ := e["fields"].(map[string]any)
	s, _ := f[name].(string)
	return s
}

// call sends a body as it is and checks the answer against the OpenAPI file.
func call(t *testing.T, method, path, token string, body []byte) answer {
	t.Helper()
	return callAt(t, base(), method, path, token, body)
}

// callAt is call to a server of the test's own.
func callAt(t *testing.T, base, method, path, token string, body []byte) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	conforms(t, req, resp, raw)
	a := answer{Status: resp.StatusCode, Header: resp.Header, Raw: raw}
	if len(raw) > 0 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		require.NoError(t, json.Unmarshal(raw, &a.Body))
	}
	require.NotEmpty(t, resp.Header.Get("X-Trace-Id"))
	if resp.StatusCode >= 400 && strings.HasPrefix(path, "/api") {
		e, _ := a.Body["error"].(map[string]any)
		require.Equal(t, resp.Header.Get("X-Trace-Id"), e["traceId"], "%s", raw)
	}
	return a
}

func conforms(t *testing.T, req *http.Request, resp *http.Response, raw []byte) {
	t.Helper()
	bare := req.Clone(req.Context())
	bare.URL.Scheme, bare.URL.Host, bare.Host = "", "", ""
	route, params, err := routes.FindRoute(bare)
	if err != nil {
		return // not in the contract: its error form is checked by the caller
	}
	require.NoError(t, openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		},
		Status: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(raw)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}), "%s %s: %d %s", req.Method, req.URL, resp.StatusCode, raw)
}

// user is a registered user.
type user struct {
	t                      *testing.T
	name, id, token, plain string
}

var counter atomic.Int64

func newUser(t *testing.T) *user {
	t.Helper()
	u := &user{t: t, name: fmt.Sprintf("user-%d-%d", time.Now().UnixMilli()%1e9, counter.Add(1)), plain: "a password"}
	a := call(t, "POST", "/api/auth/register", "", enc(obj{"username": u.name, "password": u.plain}))
	require.Equal(t, 201, a.Status, "%s", a.Raw)
	u.token = a.Body["token"].(string)
	u.id = a.Body["user"].(map[string]any)["userId"].(string)
	return u
}

type obj = map[string]any

func enc(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func (u *user) get(path string) answer {
	u.t.Helper()
	return call(u.t, "GET", path, u.token, nil)
}

func (u *user) post(path string, body any) answer {
	u.t.Helper()
	return call(u.t, "POST", path, u.token, enc(body))
}

// say sends by HTTP and returns the message-stored data.
func (u *user) say(target obj, content, tempID string) answer {
	u.t.Helper()
	body := obj{"content": content, "messageType": "text", "tempMessageId": tempID}
	for k, v := range target {
		body[k] = v
	}
	return u.post("/api/messages", body)
}

// chatWith opens the single chat with another user and returns its id.
func (u *user) chatWith(peer *user) string {
	u.t.Helper()
	a := u.post("/api/conversations", obj{"peerId": peer.id})
	require.Equal(u.t, 200, a.Status, "%s", a.Raw)
	return a.Body["conversationId"].(string)
}
