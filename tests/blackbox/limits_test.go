package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
)

// strict starts a server with low limits for one test.
func strict(t *testing.T, env ...string) *chaos.Server {
	t.Helper()
	if os.Getenv("GOCHAT_TEST_URL") != "" {
		t.Skip("the server is somebody else's, and its limits are high")
	}
	dir := t.TempDir()
	binary, err := chaos.Build(t.Context(), dir)
	require.NoError(t, err)
	address, err := chaos.FreeAddress()
	require.NoError(t, err)
	s := &chaos.Server{Binary: binary, DataDir: filepath.Join(dir, "data"), Address: address, Env: env}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, s.Start(ctx))
	t.Cleanup(func() {
		code, _, err := s.Term()
		assert.NoError(t, err)
		assert.Zero(t, code)
	})
	return s
}

// until429 calls try until the answer is 429 and returns how many calls were allowed before. most is the longest
// Retry-After that is accepted, in seconds.
func until429(t *testing.T, what string, most int, try func(i int) (status int, header http.Header)) (allowed int) {
	t.Helper()
	for i := range 200 {
		status, header := try(i)
		if status != http.StatusTooManyRequests {
			continue
		}
		wait, err := strconv.Atoi(header.Get("Retry-After"))
		require.NoError(t, err, "%s: whole seconds", what)
		assert.GreaterOrEqual(t, wait, 1, what)
		assert.LessOrEqual(t, wait, most, what)
		return i
	}
	require.Fail(t, "there is no limit", what)
	return 0
}

func TestLimits(t *testing.T) {
	t.Parallel()
	s := strict(t, "GOCHAT_LIMITS_AUTH_PER_MINUTE=12", "GOCHAT_LIMITS_HANDSHAKES_PER_SECOND=5", "GOCHAT_AUTH_LOGIN_ATTEMPTS=3",
		"GOCHAT_LIMITS_CALLS_PER_SECOND=1", "GOCHAT_LIMITS_CALLS_BURST=20", "GOCHAT_LIMITS_SENDS_PER_SECOND=1", "GOCHAT_LIMITS_SENDS_BURST=4")
	at := func(method, path, token string, body any) answer {
		return callAt(t, s.URL(), method, path, token, enc(body))
	}
	register := func(name string) answer {
		return at("POST", "/api/auth/register", "", obj{"username": name, "password": "a password"})
	}
	tokens := make([]string, 3)
	for i := range tokens {
		a := register(fmt.Sprint("user", i))
		require.Equal(t, 201, a.Status, "%s", a.Raw)
		tokens[i] = a.Body["token"].(string)
	}

	var told []string
	for _, name := range []string{"user0", "nobody"} {
		for range 3 {
			assert.Equal(t, 401, at("POST", "/api/auth/login", "", obj{"username": name, "password": "wrong password"}).Status)
		}
		a := at("POST", "/api/auth/login", "", obj{"username": name, "password": "a password"})
		assert.Equal(t, 429, a.Status, "%s: the right password as well", name)
		assert.Equal(t, "rate_limited", a.code())
		assert.NotEmpty(t, a.Header.Get("Retry-After"))
		told = append(told, a.Body["error"].(map[string]any)["message"].(string))
	}
	assert.Equal(t, told[0], told[1], "who there is, is not told")
	until429(t, "registrations of an address", 5, func(i int) (int, http.Header) {
		a := register(fmt.Sprint("more", i))
		return a.Status, a.Header
	})

	n := until429(t, "calls of a user", 1, func(int) (int, http.Header) {
		a := at("GET", "/api/users/me", tokens[0], nil)
		return a.Status, a.Header
	})
	assert.GreaterOrEqual(t, n, 20)
	assert.Equal(t, 200, at("GET", "/api/users/me", tokens[1], nil).Status, "another user")
	n = until429(t, "sends of a user", 1, func(i int) (int, http.Header) {
		a := at("POST", "/api/messages", tokens[1], obj{"conversationId": "world", "content": "x", "messageType": "text", "tempMessageId": fmt.Sprint("m", i)})
		return a.Status, a.Header
	})
	assert.GreaterOrEqual(t, n, 4)
	socketSends(t, s.URL(), tokens[2])
	until429(t, "handshakes of an address", 1, func(int) (int, http.Header) {
		ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.URL(), "http")+"/ws?token="+tokens[0], nil)
		if err == nil {
			_ = ws.Close()
		}
		require.NotNil(t, resp)
		return resp.StatusCode, resp.Header
	})
}

// socketSends sends messages on a socket until an error frame reports the limit.
func socketSends(t *testing.T, base, token string) {
	t.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(base, "http")+"/ws?token="+token, nil)
	require.NoError(t, err)
	defer func() { _ = ws.Close() }()
	for i := range 10 {
		require.NoError(t, ws.WriteJSON(obj{"type": "send-message", "data": obj{
			"conversationId": "world", "content": "x", "messageType": "text", "tempMessageId": fmt.Sprint("s", i),
		}}))
	}
	acks, refused := 0, 0
	for acks+refused < 10 {
		var f frame
		require.NoError(t, ws.SetReadDeadline(time.Now().Add(patience)))
		require.NoError(t, ws.ReadJSON(&f))
		switch f.Type {
		case "message-ack":
			acks++
		case "error":
			assert.Equal(t, "rate_limited", f.Data["code"])
			assert.Contains(t, f.Data["ref"], "s")
			refused++
		}
	}
	assert.GreaterOrEqual(t, acks, 4)
	assert.Positive(t, refused)
}

// TestSyncOfManyConversations: one call syncs all of them.
func TestSyncOfManyConversations(t *testing.T) {
	t.Parallel()
	const chats, workers = 600, 16
	me := newUser(t)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < chats; i += workers {
				peer := newUser(t)
				a := peer.say(obj{"receiverId": me.id}, fmt.Sprint("hello ", i), "hello")
				if !assert.Equal(t, 200, a.Status, "%s", a.Raw) {
					return
				}
			}
		})
	}
	wg.Wait()
	a := me.post("/api/sync", obj{"conversations": obj{"world": 1 << 52}})
	require.Equal(t, 200, a.Status)
	assert.Equal(t, false, a.Body["more"])
	seen := map[any]bool{}
	for _, c := range a.Body["conversations"].([]any) {
		one := c.(map[string]any)
		if one["conversationId"] == "world" {
			assert.Equal(t, true, one["reset"], "a number that the server has not given")
			continue
		}
		if assert.Len(t, one["messages"], 1) {
			seen[one["messages"].([]any)[0].(map[string]any)["content"]] = true
		}
	}
	assert.Len(t, seen, chats)
}
