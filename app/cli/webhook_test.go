package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/repo/store"
)

const hookSecret = "0123456789abcdef0123456789abcdef"

// inbox is a webhook receiver that keeps what it gets.
type inbox struct {
	mu       sync.Mutex
	contents []string
	status   int
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var batch contracts.WebhookBatch
	if err != nil || json.Unmarshal(body, &batch) != nil ||
		!contracts.VerifyWebhook(hookSecret, r.Header.Get(contracts.HeaderWebhookTimestamp), r.Header.Get(contracts.HeaderWebhookSignature), body) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.status != 0 {
		w.WriteHeader(i.status)
		return
	}
	for _, m := range batch.Messages {
		i.contents = append(i.contents, m.Content)
	}
	_, _ = io.WriteString(w, "thank you")
}

func (i *inbox) got() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return strings.Join(i.contents, ",")
}

func (i *inbox) set(status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status = status
}

// hooked is a server with a hook, and the commands that are run beside it.
type hooked struct {
	t         *testing.T
	boot      *booted
	in        *inbox
	receiver  string
	dir, base string
	token     string
}

func newHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{t: t, in: &inbox{}, dir: filepath.Join(t.TempDir(), "data")}
	srv := httptest.NewServer(h.in)
	t.Cleanup(srv.Close)
	h.receiver = srv.URL
	t.Setenv("GOCHAT_WEBHOOK_HOOKS", "crm="+srv.URL+"/in?key=hunter2")
	t.Setenv("GOCHAT_WEBHOOK_SECRETS", "crm="+hookSecret)
	t.Setenv("GOCHAT_WEBHOOK_BACKOFF", "20ms")
	t.Setenv("GOCHAT_AUTH_BCRYPT_COST", "4")
	h.boot = boot(t, "--data-dir", h.dir, "--gateway-listen", "127.0.0.1:0")
	h.boot.waitFor(t, "open  http://")
	_, after, _ := strings.Cut(h.boot.stdout.String(), "open  ")
	h.base, _, _ = strings.Cut(after, "\n")
	var account struct{ Token string }
	h.post("/api/auth/register", map[string]string{"username": "anna", "password": "hunter2hunter2"}, &account)
	h.token = account.Token
	return h
}

func (h *hooked) post(path string, body, answer any) {
	h.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(h.t, err)
	req, err := http.NewRequest(http.MethodPost, h.base+path, bytes.NewReader(raw))
	require.NoError(h.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+h.token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(h.t, resp.StatusCode, 300)
	require.NoError(h.t, json.NewDecoder(resp.Body).Decode(answer))
}

func (h *hooked) get(path string) string {
	h.t.Helper()
	resp, err := http.Get(h.base + path)
	require.NoError(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(h.t, err)
	require.Equal(h.t, http.StatusOK, resp.StatusCode)
	return string(text)
}

func (h *hooked) say(n int) {
	h.t.Helper()
	h.post("/api/messages", map[string]string{
		"conversationId": "world", "content": fmt.Sprint(n), "messageType": "text", "tempMessageId": fmt.Sprint(n),
	}, &struct{}{})
}

// waitFor waits until the receiver has messages with these contents.
func (h *hooked) waitFor(want string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.in.got() == want }, ending, 10*time.Millisecond, "%s instead of %s", h.in.got(), want)
}

// webhook runs a "gochat webhook" command and returns its output.
func (h *hooked) webhook(stdin string, args ...string) (said string, err error) {
	var out bytes.Buffer
	root := newCommand(&out, &out)
	root.SetArgs(append(append([]string{"webhook"}, args...), "--data-dir", h.dir))
	root.SetIn(strings.NewReader(stdin))
	if err = root.ExecuteContext(h.t.Context()); err != nil {
		return out.String() + err.Error(), err
	}
	return out.String(), nil
}

// works and fails run a command that has to succeed or fail, and whose output has to contain a text.
func (h *hooked) works(stdin, says string, args ...string) {
	h.t.Helper()
	said, err := h.webhook(stdin, args...)
	require.NoError(h.t, err, said)
	assert.Contains(h.t, said, says)
}

func (h *hooked) fails(says string, args ...string) {
	h.t.Helper()
	said, err := h.webhook("", args...)
	require.Error(h.t, err, said)
	assert.Contains(h.t, said, says)
}

// TestWebhooksOfAWholeServer: from a client's message to the receiver, with the
// commands beside the running server.
func TestWebhooksOfAWholeServer(t *testing.T) {
	h := newHooked(t)
	for n := range 3 {
		h.say(n)
	}
	h.waitFor("0,1,2")

	h.works("", "thank you", "test", "crm")
	h.fails("2 messages of 1 conversations", "replay", "crm", "--conversation", "world", "--from-seq", "2") // without --yes
	h.works("y\n", "moved back", "replay", "crm", "--conversation", "world", "--from-seq", "2")
	h.waitFor("0,1,2,1,2")
	h.works("", "moved back", "replay", "crm", "--since", "1h", "--yes")
	h.waitFor("0,1,2,1,2,0,1,2")

	h.in.set(http.StatusBadGateway)
	h.say(3)
	require.Eventually(t, func() bool {
		said, err := h.webhook("", "list")
		return err == nil && strings.Contains(said, "502 Bad Gateway")
	}, ending, 20*time.Millisecond)
	assert.Contains(t, h.get("/readyz"), `"webhook-crm":"degraded"`)
	h.fails("502", "test", "crm")
	h.in.set(0)
	h.waitFor("0,1,2,1,2,0,1,2,3")

	h.works("", h.receiver, "list")
	list, err := h.webhook("", "list")
	require.NoError(t, err)
	for _, text := range []string{list, h.boot.stderr.String(), h.boot.stdout.String()} {
		assert.NotContains(t, text, "hunter2")
		assert.NotContains(t, text, hookSecret)
	}
	page := h.get("/metrics")
	assert.Contains(t, page, `gochat_webhook_messages_total{hook="crm"}`)
	assert.Contains(t, page, `gochat_webhook_post_seconds_count{hook="crm",outcome="refused"}`)
	h.works("", "forgotten", "forget", "crm", "--yes")
	h.fails("webhook list", "replay", "crm", "--since", "1h", "--yes")
}

func TestWebhookVerify(t *testing.T) {
	body := `{"hook":"crm"}`
	verify := func(signature string) error {
		root := newCommand(io.Discard, io.Discard)
		root.SetArgs([]string{"webhook", "verify", "--secret", hookSecret, "--timestamp", "7", "--signature", signature})
		root.SetIn(strings.NewReader(body))
		return root.ExecuteContext(t.Context())
	}
	require.NoError(t, verify(contracts.SignWebhook("7", []byte(body), hookSecret)))
	require.Error(t, verify(contracts.SignWebhook("8", []byte(body), hookSecret)))
}

func TestReplayArguments(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		replay store.Replay
		since  string
		want   time.Time
		wrong  string
	}{
		"how long ago":           {since: "36h", want: now.Add(-36 * time.Hour)},
		"a time":                 {since: "2026-01-31T12:00:00Z", want: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)},
		"a day":                  {since: "2026-01-31", want: time.Date(2026, 1, 31, 0, 0, 0, 0, time.Local)},
		"a number":               {replay: store.Replay{ConversationID: "world", FromSeq: 3}},
		"nothing":                {wrong: "either"},
		"both":                   {replay: store.Replay{ConversationID: "world", FromSeq: 3}, since: "1h", wrong: "either"},
		"a number of nothing":    {replay: store.Replay{FromSeq: 3}, wrong: "--conversation"},
		"a number beyond all":    {replay: store.Replay{ConversationID: "world", FromSeq: 1 << 63}, wrong: "no such number"},
		"some time":              {since: "yesterday", wrong: "2026-01-31"},
		"a time that is to come": {since: "-1h", wrong: "2026-01-31"},
	} {
		t.Run(name, func(t *testing.T) {
			err := readReplay(&c.replay, c.since, now)
			if c.wrong != "" {
				require.ErrorContains(t, err, c.wrong)
				return
			}
			require.NoError(t, err)
			assert.True(t, c.want.Equal(c.replay.Since))
		})
	}
}

func TestWebhookList(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	cfg := webhook.DefaultConfig()
	cfg.Hooks["crm"], cfg.Hooks["new"] = "https://crm.example.org/secret", "https://new.example.org"
	var out bytes.Buffer
	require.NoError(t, printHooks(&out, cfg, []store.HookStat{
		{Hook: "crm", Conversations: 2, Messages: 7, WaitingSince: 940_000, Error: "503", ErrorAt: 999_000, TakenAt: 900_000}, {Hook: "old"},
	}, now))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 4)
	assert.Equal(t, []string{"crm", "https://crm.example.org", "2", "7", "1m0s", "1m40s", "503", "(1s", "ago)"}, strings.Fields(lines[1]))
	assert.Contains(t, lines[2], "(not started yet)")
	assert.Contains(t, lines[3], "(not configured)")
}

// TestOnlyTheFeedNeedsSecretsOfReceivers: roles other than feed start with hooks that have no secrets, since all
// processes may share one file of settings.
func TestOnlyTheFeedNeedsSecretsOfReceivers(t *testing.T) {
	cfg := app.DefaultConfig()
	cfg.Webhook.Hooks["crm"] = "https://crm.example.org"
	cfg.Registry.Endpoints = []string{"127.0.0.1:2379"}
	cfg.MQ.Driver = app.DriverKafka
	require.NoError(t, app.CheckRoles([]string{app.RoleGateway}, cfg))
	require.ErrorContains(t, app.CheckRoles([]string{app.RoleFeed}, cfg), "webhook.secrets")
	cfg.Webhook.Secrets["crm"] = hookSecret
	require.NoError(t, app.CheckRoles([]string{app.RoleFeed}, cfg))
}
