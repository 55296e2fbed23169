// Package blackbox tests a running server as its clients see it: every answer is
// checked against the OpenAPI file, every frame against the AsyncAPI file, and the
// rules that the contract states in words are tested one by one.
package blackbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/conform"
)

var (
	bases    []string
	turn     atomic.Uint64
	contract *conform.Contract
)

// elsewhere is an origin in gateway.allowed_origins of the server that TestMain starts.
const elsewhere = "https://app.elsewhere.example"

// base returns the address for the next call. Several gateways are used in turn, so
// that each promise is tested across gateways.
func base() string { return bases[turn.Add(1)%uint64(len(bases))] }

// TestMain runs against GOCHAT_TEST_URL (several with commas), or against a server
// that it builds and starts.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if contract, err = conform.New(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var stop func() error
	if bases, stop, err = chaos.Running("GOCHAT_LIMITS_SOCKETS_PER_USER=20", "GOCHAT_ROUTER_GROUP_LIMIT=8",
		"GOCHAT_GATEWAY_ALLOWED_ORIGINS="+elsewhere); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// answer is an HTTP answer that matches the OpenAPI file.
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

// field returns the message of the error for a field.
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

// callAt is call to another server.
func callAt(t *testing.T, base, method, path, token string, body []byte) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, req)
}

// do makes a call and checks the answer against the OpenAPI file. It repeats the call while the answer
// is 503, which a busy machine may give and which is safe to repeat.
func do(t *testing.T, req *http.Request) answer {
	t.Helper()
	for tries := 0; ; tries++ {
		a := once(t, req)
		if a.code() != "unavailable" || tries == 20 || req.GetBody == nil {
			return a
		}
		time.Sleep(100 * time.Millisecond)
		var err error
		req.Body, err = req.GetBody()
		require.NoError(t, err)
	}
}

func once(t *testing.T, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, contract.Response(req, resp, raw))
	a := answer{Status: resp.StatusCode, Header: resp.Header, Raw: raw}
	if len(raw) > 0 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		require.NoError(t, json.Unmarshal(raw, &a.Body))
	}
	require.NotEmpty(t, resp.Header.Get("X-Trace-Id"))
	if resp.StatusCode >= 400 && strings.HasPrefix(req.URL.Path, "/api") {
		e, _ := a.Body["error"].(map[string]any)
		require.Equal(t, resp.Header.Get("X-Trace-Id"), e["traceId"], "%s", raw)
	}
	return a
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

// say sends a message over HTTP and returns the data of message-stored.
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
