package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// apiCall is a call and what is answered.
type apiCall struct {
	method, path, token, body string
	status                    int
	want                      string // JSON, or the error code
	field                     string
}

func (h *harness) answers(t *testing.T, calls []apiCall) {
	t.Helper()
	for _, tt := range calls {
		name := fmt.Sprintf("%s %.50s %.40s", tt.method, tt.path, tt.body)
		t.Run(name, func(t *testing.T) {
			r := h.call(tt.method, tt.path, tt.token, tt.body)
			require.Equal(t, tt.status, r.status, r.body)
			require.Len(t, r.header.Get("X-Trace-Id"), 32)
			require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
			require.Contains(t, r.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
			if tt.status < 400 {
				if tt.want != "" {
					require.JSONEq(t, tt.want, r.body)
				}
				return
			}
			require.Equal(t, contracts.Code(tt.want), r.err.Code)
			require.NotEmpty(t, r.err.Message)
			require.Equal(t, r.header.Get("X-Trace-Id"), r.err.TraceID)
			if tt.field != "" {
				require.Contains(t, r.err.Fields, tt.field)
			} else {
				require.Empty(t, r.err.Fields)
			}
		})
	}
}

func TestAPIOfAccounts(t *testing.T) {
	h := start(t)
	userJSON := `{"userId":"7","username":"","nickname":"","avatarUrl":"","createdAt":0}`
	h.answers(t, []apiCall{
		{"POST", "/api/auth/register", "", `{"username":"ann","password":"secret-password"}`, 201, `{"token":"7:new","expiresAt":5,"user":{"userId":"7","username":"ann","nickname":"","avatarUrl":"","createdAt":0}}`, ""},
		{"POST", "/api/auth/register", "", `{"username":"taken","password":"secret-password"}`, 409, "username_taken", ""},
		{"POST", "/api/auth/register", "", `{"password":"secret-password"}`, 400, "invalid_argument", "username"},
		{"POST", "/api/auth/register", "", `{"username":5,"password":"secret-password"}`, 400, "invalid_argument", "username"},
		{"POST", "/api/auth/register", "", `{"username":"ann","password":"secret-password","nickname":[]}`, 400, "invalid_argument", "nickname"},
		{"POST", "/api/auth/register", "", ``, 400, "invalid_argument", ""},
		{"POST", "/api/auth/register", "", `[]`, 400, "invalid_argument", ""},
		{"POST", "/api/auth/register", "", `{"username":"ann"} {}`, 400, "invalid_argument", ""},
		{"POST", "/api/auth/register", "", "{\"username\":\"\xff\"}", 400, "invalid_argument", ""},
		{"POST", "/api/auth/register", "", strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat(`}`, 10000), 400, "invalid_argument", ""},
		{"POST", "/api/auth/login", "", `{"username":"ann","password":"right-password"}`, 200, `{"token":"7:in","expiresAt":0,"user":` + userJSON + `}`, ""},
		{"POST", "/api/auth/login", "", `{"username":"ann","password":"wrong-password"}`, 401, "invalid_credentials", ""},
		{"POST", "/api/auth/logout", "7:a", ``, 204, "", ""},
		{"POST", "/api/auth/logout", "", ``, 401, "unauthenticated", ""},

		{"GET", "/api/users/me", "", "", 401, "unauthenticated", ""},
		{"GET", "/api/users/me", "wrong", "", 401, "unauthenticated", ""},
		{"GET", "/api/users/me", "7:a", "", 200, `{"userId":"7","username":"ann","nickname":"","avatarUrl":"","createdAt":9}`, ""},
		{"PATCH", "/api/users/me", "7:a", `{"nickname":"Ann"}`, 200, `{"userId":"7","username":"","nickname":"Ann","avatarUrl":"","createdAt":0}`, ""},
		{"PATCH", "/api/users/me", "7:a", `{"nickname":1}`, 400, "invalid_argument", "nickname"},
		{"GET", "/api/users/8", "7:a", "", 200, `{"userId":"8","username":"ann","nickname":"","avatarUrl":"","createdAt":9}`, ""},
		{"GET", "/api/users/x8", "7:a", "", 404, "not_found", ""},
		{"GET", "/api/users?username=none", "7:a", "", 200, `{"users":[]}`, ""},
		{"GET", "/api/users", "7:a", "", 400, "invalid_argument", "username"},
		{"GET", "/api/users?username=%ff", "7:a", "", 400, "invalid_argument", "username"},
	})
}

func TestAPIOfConversations(t *testing.T) {
	h := start(t)
	world := `{"conversationId":"world","type":"single","peer":{"userId":"8","username":"bob","nickname":"","avatarUrl":"","createdAt":0},
		"lastSeq":9,"readSeq":4,"unread":5,"peerReadSeq":3,"peerDeliveredSeq":6,"lastMessageAt":77,
		"lastMessage":{"messageId":"1152921504606846976","conversationId":"world","seqId":9,"senderId":"0","content":"","messageType":"","tempMessageId":"","timestamp":0}}`
	single := string(contracts.SingleConversation(7, 8))
	h.answers(t, []apiCall{
		{"POST", "/api/conversations", "7:a", `{"peerId":"8"}`, 200, strings.ReplaceAll(world, `"world"`, `"`+single+`"`), ""},
		{"POST", "/api/conversations", "7:a", `{"peerId":8}`, 400, "invalid_argument", "peerId"},
		{"POST", "/api/conversations", "7:a", `{"peerId":"bob"}`, 400, "invalid_argument", "peerId"},
		{"GET", "/api/conversations", "7:a", "", 200, `{"conversations":[` + world + `],"nextCursor":"c2"}`, ""},
		{"GET", "/api/conversations?limit=201", "7:a", "", 400, "invalid_argument", "limit"},
		{"GET", "/api/conversations?limit=0", "7:a", "", 400, "invalid_argument", "limit"},
		{"GET", "/api/conversations/world", "7:a", "", 200, world, ""},
		{"GET", "/api/conversations/single_zz", "7:a", "", 404, "not_found", ""},
		{"GET", "/api/conversations/world/messages?afterSeq=0&limit=3", "7:a", "", 200, `{"messages":[{"messageId":"5","conversationId":"","seqId":1,"senderId":"0","content":"","messageType":"","tempMessageId":"","timestamp":0}],"lastSeq":1,"hasMore":true}`, ""},
		{"GET", "/api/conversations/world/messages?afterSeq=-1", "7:a", "", 400, "invalid_argument", "afterSeq"},
		{"GET", "/api/conversations/world/messages?beforeSeq=x", "7:a", "", 400, "invalid_argument", "beforeSeq"},
		{"GET", "/api/conversations/nowhere/messages", "7:a", "", 404, "not_found", ""},
		{"POST", "/api/conversations/world/read", "7:a", `{"seqId":3}`, 200, `{"readSeq":3,"unread":2}`, ""},
		{"POST", "/api/conversations/world/read", "7:a", `{"seqId":"3"}`, 400, "invalid_argument", "seqId"},
		{"POST", "/api/conversations/world/read", "7:a", `{"seqId":-3}`, 400, "invalid_argument", "seqId"},
		{"POST", "/api/conversations/world/read", "7:a", `{}`, 400, "invalid_argument", "seqId"},
		{"POST", "/api/sync", "7:a", `{"conversations":{"world":2},"limit":5}`, 200, `{"epoch":"epoch-1","conversations":[{"conversationId":"world","lastSeq":3,"readSeq":0,"messages":[],"hasMore":false}],"more":true}`, ""},
		{"POST", "/api/sync", "7:a", `{"conversations":{"world":9},"limit":5,"epoch":"epoch-0"}`, 200, `{"epoch":"epoch-1","conversations":[{"conversationId":"world","lastSeq":3,"readSeq":0,"messages":[],"hasMore":false,"reset":true}],"more":true}`, ""},
		{"POST", "/api/sync", "7:a", `{"conversations":{},"epoch":7}`, 400, "invalid_argument", "epoch"},
		{"POST", "/api/sync", "7:a", `{"conversations":{"world":"2"}}`, 400, "invalid_argument", "conversations"},
		{"POST", "/api/sync", "7:a", `{"conversations":{},"limit":999}`, 400, "invalid_argument", "limit"},
	})
	history, _ := last[*pb.ListMessagesRequest](h.logic)
	require.NotNil(t, history.AfterSeq, "afterSeq=0 is not the same as none")
	require.Nil(t, history.BeforeSeq)
}

func TestAPIOfMessages(t *testing.T) {
	h := start(t)
	h.answers(t, []apiCall{
		{"GET", "/api/search?q=ab%20c&limit=3", "7:a", "", 200, `{"messages":[{"messageId":"5","conversationId":"world","seqId":1,"senderId":"0","content":"ab c","messageType":"","tempMessageId":"","timestamp":0}],"nextCursor":"c2"}`, ""},
		{"GET", "/api/search?q=ab", "", "", 401, "unauthenticated", ""},
		{"GET", "/api/search?q=%ff%ff", "7:a", "", 400, "invalid_argument", "q"},
		{"GET", "/api/search?q=ab&limit=101", "7:a", "", 400, "invalid_argument", "limit"},
		{"GET", "/api/search?q=ab&cursor=%ff", "7:a", "", 400, "invalid_argument", "cursor"},

		{"GET", "/api/messages/outcome?tempMessageId=known", "7:a", "", 200, `{"status":"stored","messageId":"5","conversationId":"world","seqId":6}`, ""},
		{"GET", "/api/messages/outcome?tempMessageId=other", "7:a", "", 200, `{"status":"unknown"}`, ""},
		{"GET", "/api/messages/outcome", "7:a", "", 400, "invalid_argument", "tempMessageId"},
		{"POST", "/api/messages", "7:a", `{"receiverId":"7","content":"x","messageType":"text","tempMessageId":"m"}`, 400, "invalid_argument", "receiverId"},
		{"POST", "/api/messages", "", `{}`, 401, "unauthenticated", ""},
	})
}

func TestAPIOfNothing(t *testing.T) {
	h := start(t)
	h.answers(t, []apiCall{
		{"GET", "/api/nothing", "7:a", "", 404, "not_found", ""},
		{"GET", "/api/groups", "7:a", "", 405, "method_not_allowed", ""},
		{"PUT", "/api/users/me", "7:a", "", 405, "method_not_allowed", ""},
		{"BREW", "/api/users/me", "7:a", "", 405, "method_not_allowed", ""},
		{"GET", "/nothing", "", "", 404, "not_found", ""},
		{"GET", "/healthz", "", "", 200, `{"status":"ok"}`, ""},
		{"GET", "/livez", "", "", 200, `{"status":"ok"}`, ""},
	})
}

func TestErrorsDoNotLeak(t *testing.T) {
	h := start(t)
	h.logic.fail = errors.New("secret table")
	r := h.call("GET", "/api/users/me", "7:a", "")
	require.Equal(t, 500, r.status)
	require.NotContains(t, r.body, "secret")
	h.logic.fail, h.logic.onCall = nil, func(any) error { panic("secret panic") }
	r = h.call("GET", "/api/users/me", "7:a", "")
	require.Equal(t, 500, r.status)
	require.Equal(t, contracts.CodeInternal, r.err.Code)
	require.NotContains(t, r.body, "secret")
	h.logic.onCall = func(any) error { return context.DeadlineExceeded }
	require.Equal(t, 503, h.call("GET", "/api/users/me", "7:a", "").status)
}

func TestBodyLimit(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.BodyLimit = 1000 })
	body := func(n int) string { return `{"x":"` + strings.Repeat("y", n-8) + `"}` }
	require.Equal(t, 400, h.call("POST", "/api/auth/login", "", body(1000)).status)
	r := h.call("POST", "/api/auth/login", "", body(1001))
	require.Equal(t, 413, r.status)
	require.Equal(t, contracts.CodePayloadTooLarge, r.err.Code)
	require.Equal(t, r.header.Get("X-Trace-Id"), r.err.TraceID)
}

func TestAuthLimit(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) {
		c.Rates.AuthPerMinute = 3
		c.TrustedProxies = []string{"127.0.0.0/8"}
	})
	login := func(address string) (int, http.Header) {
		req, err := http.NewRequest("POST", "http://"+h.addr+"/api/auth/login", strings.NewReader(`{"username":"ann","password":"right-password"}`))
		require.NoError(t, err)
		req.Header.Set("X-Forwarded-For", "9.9.9.9, "+address)
		req.Close = true
		resp, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode, resp.Header
	}
	for range 3 {
		status, _ := login("1.2.3.4")
		require.Equal(t, 200, status)
	}
	status, header := login("1.2.3.4")
	require.Equal(t, 429, status)
	require.Equal(t, "20", header.Get("Retry-After"))
	status, _ = login("1.2.3.5")
	require.Equal(t, 200, status, "another address")
}
