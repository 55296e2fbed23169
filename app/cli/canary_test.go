package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/tests/client"
)

// canary is a part of every name, text and secret that users send in TestNothingPeopleWroteIsLogged.
const canary = "canary"

// canaryBody has the fields of all calls, so that one body serves each of them.
const canaryBody = `{"username": "canary2", "password": "canary password", "nickname": "Canary Nick", "avatarUrl": "https://canary.example/a",
	"name": "The canaries", "announcement": "canary said", "memberIds": ["canary"], "userIds": ["canary"], "peerId": "%s", "role": "canary",
	"joinPolicy": "canary", "everywhere": "canary", "conversationId": "world", "content": "canary content", "messageType": "text", "seqId": 1,
	"tempMessageId": "t-%d", "change": "edit", "reaction": "canary", "conversations": {"canary": 1}, "metadata": {"canary": "canary"}}`

// aviary is a running program, and a user who makes every call of the API.
type aviary struct {
	*program
	me, peer *client.Account
	count    int
}

// call makes one call and ignores the answer.
func (a *aviary) call(t *testing.T, method, path, token string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.me.Server.URL+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", canary)
	req.Header.Set("X-Request-Id", "{canary}") // not a valid id
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // the server may close the connection in the middle of too large a body
	}
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func (a *aviary) body() []byte {
	a.count++
	return fmt.Appendf(nil, canaryBody, a.peer.UserID, a.count)
}

// askEverything makes each call of the contract: well formed, with nonsense, as a stranger.
func (a *aviary) askEverything(t *testing.T) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(contracts.OpenAPI)
	require.NoError(t, err)
	parts := regexp.MustCompile(`\{(\w+)\}`)
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if strings.HasSuffix(path, "/logout") { // it would end all the rest
				continue
			}
			for _, part := range []string{"1", canary} {
				at := parts.ReplaceAllStringFunc(path, func(name string) string {
					if name == "{conversationId}" && part == "1" {
						return "world"
					}
					return part
				})
				query := "?q=canary&username=canary&deviceId=canary&cursor=canary&tempMessageId=t&userIds=canary&limit=2"
				a.call(t, method, at+query, a.me.Token, a.body())
			}
			at := parts.ReplaceAllString(path, "1")
			a.call(t, method, at, a.me.Token, []byte(`{"canary": "canary`))
			a.call(t, method, at, "canary", a.body())
			a.call(t, method, at, a.me.Token, bytes.Repeat([]byte(canary), 1<<18))
		}
	}
	a.call(t, http.MethodPost, "/api/auth/login", "", []byte(`{"username": "canary", "password": "not the canary's"}`))
	a.call(t, http.MethodPost, "/api/groups", a.me.Token, []byte(`{"name": "The canaries", "memberIds": ["`+a.peer.UserID+`"]}`))
	a.call(t, http.MethodPost, "/api/auth/logout", a.peer.Token, nil)
}

// frames are the types of frames that a client may send.
func frames(t *testing.T) []string {
	t.Helper()
	var doc struct {
		Components struct {
			Messages map[string]struct {
				Name string `yaml:"name"`
			} `yaml:"messages"`
		} `yaml:"components"`
	}
	require.NoError(t, yaml.Unmarshal(contracts.AsyncAPI, &doc))
	var all []string
	for key := range doc.Components.Messages {
		if name, ours := strings.CutPrefix(key, "client-"); ours {
			all = append(all, name)
		}
	}
	require.Contains(t, all, contracts.FrameSend)
	return all
}

// sayEverything sends each frame of the contract: well formed, and broken.
func (a *aviary) sayEverything(t *testing.T) {
	t.Helper()
	socket, err := a.me.Dial(t.Context(), websocket.DefaultDialer, "canary's phone")
	require.NoError(t, err)
	defer func() { _ = socket.Close() }()
	await(t, socket, contracts.FrameHello)
	say := func(text string) { require.NoError(t, socket.WriteMessage(websocket.TextMessage, []byte(text))) }
	for _, frame := range append(frames(t), canary) {
		say(`{"type": "` + frame + `", "data": ` + string(a.body()) + `}`)
		say(`{"type": "` + frame + `", "data": {"conversationId": "canary", "content": 7, "tempMessageId": "the canary's"}}`)
		say(`{"type": "` + frame + `", "data": "canary`)
	}
	say(`{"type": "send-message", "data": {"conversationId": "group_999999", "content": "canary", "messageType": "text", "tempMessageId": "rejected"}}`)
	await(t, socket, contracts.FrameRejected)
	say(`{"type": "ping", "data": {}}`)
	await(t, socket, contracts.FramePong)
	say(`{"type": "send-message", "data": "` + strings.Repeat(canary, 1<<14) + `"}`)
}

// TestNothingPeopleWroteIsLogged: no log line of any level and no span holds names, texts or secrets of
// users, for every call and frame, valid or not.
func TestNothingPeopleWroteIsLogged(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	got, address := receive(t, "grpc")
	p := launch(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0", "--log-level", "debug",
		"--log-sample-first", "0", "--trace-endpoint", address, "--trace-sampling", "1", "--limits-auth-per-minute", "100000",
		"--db-slow-query", "1ns", "--auth-bcrypt-cost", "4")
	s := client.New("http://" + p.address(t))
	defer s.Close()
	a := &aviary{program: p}
	var err error
	a.me, err = s.Register(t.Context(), canary, "canary's password")
	require.NoError(t, err)
	a.peer, err = s.Register(t.Context(), "peer", "canary's password")
	require.NoError(t, err)
	a.sayEverything(t)
	a.askEverything(t)
	for _, said := range []string{"a frame was refused", "an HTTP request was refused", "slow query", "a message was rejected"} {
		p.waitFor(t, &p.stderr, said) // else the test would pass without these lines
	}
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.waitFor(t, &p.stderr, "the gateway has stopped")
	require.Eventually(t, func() bool { return len(got.all()) > 100 }, ending, tickOfTraces)

	lines := p.stderr.String()
	for line := range strings.SplitSeq(lines, "\n") {
		assert.NotContains(t, strings.ToLower(line), canary)
		assert.NotContains(t, line, a.me.Token)
	}
	for _, span := range got.all() {
		assert.NotContains(t, strings.ToLower(span.String()), canary)
	}
}
