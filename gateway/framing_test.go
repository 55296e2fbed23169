package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// raw writes bytes to a connection of its own and returns every answer until the server closes it.
func (h *harness) raw(text string) (statuses []int, bodies []string) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	require.NoError(h.t, err)
	defer conn.Close()
	require.NoError(h.t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, text)
	require.NoError(h.t, err)
	r := bufio.NewReader(conn)
	for {
		if _, err := r.Peek(1); err != nil {
			require.ErrorIs(h.t, err, io.EOF, "the server ends the connection")
			return statuses, bodies
		}
		resp, err := http.ReadResponse(r, nil)
		require.NoError(h.t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(h.t, err)
		statuses, bodies = append(statuses, resp.StatusCode), append(bodies, string(body))
	}
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// TestEncodedBodiesAreRefused: a body is never inflated, so that none is larger than what came over
// the wire.
func TestEncodedBodiesAreRefused(t *testing.T) {
	h := start(t)
	login := []byte(`{"username":"ann","password":"right-password"}`)
	large := append([]byte(`{"username":"ann","password":"right-password","x":"`), append(bytes.Repeat([]byte("y"), 1_100_000), `"}`...)...)
	post := func(body []byte, codings ...string) response {
		req, err := http.NewRequest("POST", "http://"+h.addr+"/api/auth/login", bytes.NewReader(body))
		require.NoError(t, err)
		for _, c := range codings {
			req.Header.Add("Content-Encoding", c)
		}
		return h.do(req)
	}
	require.Equal(t, 413, post(large).status, "plain")
	for name, body := range map[string][]byte{"small": login, "large": large} {
		r := post(gzipped(t, body), "gzip")
		require.Equal(t, 415, r.status, "%s: %s", name, r.body)
		require.Equal(t, contracts.CodeUnsupportedEncoding, r.err.Code)
		require.Equal(t, "identity", r.header.Get("Accept-Encoding"))
	}
	twice := gzipped(t, gzipped(t, login))
	for _, codings := range [][]string{
		{"br"}, {"deflate"}, {"gzip, gzip"}, {"gzip", "gzip"}, {"identity, gzip"}, {"identity", "gzip"}, {"GZIP"}, {"x-gzip"}, {"zstd"}, {"compress"}, {"nonsense"}, {"gzip;q=1"},
	} {
		require.Equal(t, 415, post(twice, codings...).status, "%v", codings)
	}
	for _, codings := range [][]string{{"identity"}, {"Identity"}, {"identity, identity"}, {"identity", "identity"}, {""}} {
		r := post(login, codings...)
		require.Equal(t, 200, r.status, "%v: %s", codings, r.body)
	}
	for _, path := range []string{"/ws?token=7:a", "/healthz", "/"} {
		req, err := http.NewRequest("GET", "http://"+h.addr+path, nil)
		require.NoError(t, err)
		req.Header.Set("Content-Encoding", "gzip")
		require.Equal(t, 415, h.do(req).status, path)
	}
}

// TestFramingIsUnambiguous: where one request ends and the next begins is beyond doubt, for whatever
// stands in front of the gateway as well; else the answer is 400 and the connection ends.
func TestFramingIsUnambiguous(t *testing.T) {
	h := start(t)
	const hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	post := func(lines ...string) string {
		return "POST /api/auth/login HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	}
	for name, text := range map[string]string{
		"two lengths":                  post("Host: x", "Content-Length: 34", "Content-Length: 0") + hidden,
		"two lengths, other order":     post("Host: x", "Content-Length: 0", "Content-Length: 34") + hidden,
		"two lengths in one line":      post("Host: x", "Content-Length: 0, 34") + hidden,
		"the same length twice":        post("Host: x", "Content-Length: 34", "Content-Length: 34") + hidden,
		"a signed length":              post("Host: x", "Content-Length: +0") + hidden,
		"no length":                    post("Host: x", "Content-Length: ") + hidden,
		"length and chunks":            post("Host: x", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n" + hidden,
		"chunks and length":            post("Host: x", "Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n" + hidden,
		"length and identity":          post("Host: x", "Transfer-Encoding: identity", "Content-Length: 34") + hidden + hidden,
		"identity alone":               post("Host: x", "Transfer-Encoding: identity") + hidden,
		"an unknown transfer encoding": post("Host: x", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n" + hidden,
		"chunks twice":                 post("Host: x", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n" + hidden,
		"a hidden transfer encoding":   post("Host: x", "Content-Length: 5", "Transfer-Encoding : chunked") + "0\r\n\r\n" + hidden,
		"chunks in HTTP/1.0":           "POST /api/auth/login HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a folded line":                post("Host: x", "Transfer-Encoding:", " chunked") + "0\r\n\r\n" + hidden,
		"no host":                      "GET /healthz HTTP/1.1\r\nAccept: */*\r\n\r\n" + hidden,
		"an empty host":                "GET /healthz HTTP/1.1\r\nHost:\r\n\r\n" + hidden,
		"two hosts":                    "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" + hidden,
		"no colon":                     "GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n" + hidden,
		"a bad chunk":                  post("Host: x", "Transfer-Encoding: chunked") + "zz\r\n" + hidden,
	} {
		statuses, bodies := h.raw(text)
		require.Equal(t, []int{400}, statuses, "%s: %v", name, bodies)
		require.Contains(t, bodies[0], `"invalid_argument"`, name)
	}
	for name, text := range map[string]string{
		"a length":             post("Host: x", "Content-Length: 2") + "{}",
		"chunks":               post("Host: x", "Transfer-Encoding: chunked") + "2\r\n{}\r\n0\r\n\r\n",
		"Chunks":               post("Host: x", "transfer-encoding: Chunked") + "2\r\n{}\r\n0\r\n\r\n",
		"nothing":              post("Host: x"),
		"HTTP/1.0 and no host": "POST /api/auth/login HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
	} {
		statuses, _ := h.raw(text + "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.Equal(t, []int{400, 200}, statuses, "%s: an empty body is a bad one, and the next request is answered", name)
	}
}

// TestStopEndsLingering: a client that was refused and does not send the rest holds no stop up.
func TestStopEndsLingering(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.BodyLimit, c.ReadTimeout = 100, time.Hour })
	conn, err := net.Dial("tcp", h.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\nhalf of it")
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	require.Equal(t, 413, resp.StatusCode)
	_, err = io.Copy(io.Discard, r)
	require.NoError(t, err, "the server's half ends")
	h.stop()
	for err == nil { // until the other half is closed as well
		_, err = io.WriteString(conn, "more")
	}
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "%v", err)
}
