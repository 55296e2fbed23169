package blackbox

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// send makes a call with headers and checks the answer against the OpenAPI file.
func send(t *testing.T, method, path string, header http.Header, body []byte) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base()+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header = header
	return do(t, req)
}

// TestBodiesAreNotInflated: one request must not take more memory than its bytes on the wire.
func TestBodiesAreNotInflated(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, err := fmt.Fprintf(w, `{"username":%q,"password":%q,"x":"`, u.name, u.plain)
	require.NoError(t, err)
	for range 64 {
		_, err = w.Write(bytes.Repeat([]byte("y"), 1<<20))
		require.NoError(t, err)
	}
	_, err = io.WriteString(w, `"}`)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, bomb.Len(), 1<<20, "it is small on the wire")
	for path, token := range map[string]string{"/api/auth/login": "", "/api/auth/register": "", "/api/messages": u.token, "/api/sync": u.token} {
		header := http.Header{"Content-Encoding": {"gzip"}}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		}
		a := send(t, "POST", path, header, bomb.Bytes())
		assert.Equal(t, 415, a.Status, "%s: %s", path, a.Raw)
		assert.Equal(t, "unsupported_encoding", a.code(), path)
	}
	login := enc(obj{"username": u.name, "password": u.plain})
	assert.Equal(t, 200, send(t, "POST", "/api/auth/login", http.Header{"Content-Encoding": {"identity"}}, login).Status)
}

// TestTooLargeIsAnswered: a client that writes its whole request before it reads gets an answer, for any size.
func TestTooLargeIsAnswered(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("x"), 9_000_000)
	for name, c := range map[string]struct {
		head string
		body []byte
		want int
		code string
	}{
		"a body": {fmt.Sprintf("POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(large)), large, 413, "payload_too_large"},
		"a body in chunks": {"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
			fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(large), large), 413, "payload_too_large"},
		"headers": {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ", append(bytes.Repeat([]byte("y"), 1<<20), "\r\n\r\n"...), 431, "headers_too_large"},
	} {
		status, text := rawAnswer(t, []byte(c.head), c.body)
		assert.Equal(t, c.want, status, "%s: %s", name, text)
		assert.Contains(t, text, c.code, name)
	}
}

// rawAnswer writes everything, then reads the one answer; the server closes the connection.
func rawAnswer(t *testing.T, parts ...[]byte) (status int, body string) {
	t.Helper()
	at, err := url.Parse(base())
	require.NoError(t, err)
	conn, err := net.Dial("tcp", at.Host)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	for _, part := range parts {
		_, err = conn.Write(part)
		require.NoError(t, err, "the server takes what the client sends")
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	_ = resp.Body.Close()
	_, err = r.ReadByte()
	require.True(t, errors.Is(err, io.EOF), "the connection ends: %v", err)
	return resp.StatusCode, string(text)
}

// TestFramingFromOutside: a request whose length is ambiguous gets 400, and the bytes after it are not run as a request.
func TestFramingFromOutside(t *testing.T) {
	t.Parallel()
	const hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, lines := range map[string]string{
		"two lengths":       "Host: x\r\nContent-Length: 34\r\nContent-Length: 0\r\n",
		"length and chunks": "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"identity":          "Host: x\r\nTransfer-Encoding: identity\r\n",
		"no host":           "Content-Length: 0\r\n",
		"two hosts":         "Host: x\r\nHost: y\r\nContent-Length: 0\r\n",
	} {
		body := hidden
		if strings.Contains(lines, "chunked") {
			body = "0\r\n\r\n" + hidden
		}
		status, text := rawAnswer(t, []byte("POST /api/auth/login HTTP/1.1\r\n"+lines+"\r\n"+body))
		assert.Equal(t, 400, status, "%s: %s", name, text)
		assert.Contains(t, text, "invalid_argument", name)
	}
}

// TestPagesOfAnotherOrigin: a browser lets a page of a listed origin make every call and read every answer.
func TestPagesOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	if os.Getenv("GOCHAT_TEST_URL") != "" {
		t.Skip("the server is somebody else's, and lists other origins")
	}
	u := newUser(t)
	for _, row := range contract.Rows() {
		method, path, _ := strings.Cut(row, " ")
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		a := send(t, "OPTIONS", path, http.Header{"Origin": {elsewhere}, "Access-Control-Request-Method": {method}}, nil)
		require.Equal(t, 204, a.Status, "%s: %s", row, a.Raw)
		assert.Equal(t, elsewhere, a.Header.Get("Access-Control-Allow-Origin"), row)
		assert.Contains(t, a.Header.Get("Access-Control-Allow-Methods"), method, row)
		for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key"} {
			assert.Contains(t, a.Header.Get("Access-Control-Allow-Headers"), name, row)
		}
		assert.NotEmpty(t, a.Header.Get("Access-Control-Max-Age"), row)
	}
	for _, token := range []string{u.token, "wrong"} {
		header := http.Header{"Origin": {elsewhere}, "Authorization": {"Bearer " + token}}
		a := send(t, "GET", "/api/users/me", header, nil)
		assert.Equal(t, elsewhere, a.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "X-Trace-Id, Retry-After", a.Header.Get("Access-Control-Expose-Headers"))
		assert.Contains(t, a.Header.Values("Vary"), "Origin")
	}
	a := send(t, "GET", "/api/users/me", http.Header{"Origin": {"https://evil.example"}, "Authorization": {"Bearer " + u.token}}, nil)
	assert.Equal(t, 200, a.Status)
	assert.Empty(t, a.Header.Get("Access-Control-Allow-Origin"))
	for from, want := range map[string]int{elsewhere: 101, "https://evil.example": 403} {
		ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(base(), "http")+"/ws?token="+u.token, http.Header{"Origin": {from}})
		if err == nil {
			_ = ws.Close()
		}
		require.NotNil(t, resp, from)
		assert.Equal(t, want, resp.StatusCode, from)
	}
}

// TestMethodsAndPaths: a wrong method at a known path is answered with the right ones, and an id in a path is decoded
// once.
func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	a := send(t, "DELETE", "/api/users/me", http.Header{"Authorization": {"Bearer " + u.token}}, nil)
	assert.Equal(t, 405, a.Status)
	assert.Equal(t, "method_not_allowed", a.code())
	assert.Equal(t, "GET, HEAD, PATCH", a.Header.Get("Allow"))
	assert.Equal(t, 200, u.get("/api/conversations/%77orld").Status)
	assert.Equal(t, 404, u.get("/api/conversations/%2577orld").Status)
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	a = send(t, "HEAD", "/ws?token="+u.token, header, nil)
	assert.Equal(t, 405, a.Status)
	assert.Equal(t, "GET", a.Header.Get("Allow"))
}
