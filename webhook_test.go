package main

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

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/webhook"
	"github.com/gochat/gochat/repo/store"
)

const hookSecret = "0123456789abcdef0123456789abcdef"

// inbox is a receiver.
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

// TestWebhooksOfAWholeServer: from a client's message to the receiver, with the
// commands beside the running server.
func TestWebhooksOfAWholeServer(t *testing.T) {
	in := &inbox{}
	srv := httptest.NewServer(in)
	t.Cleanup(srv.Close)
	t.Setenv("GOCHAT_WEBHOOK_HOOKS", "crm="+srv.URL+"/in?key=hunter2")
	t.Setenv("GOCHAT_WEBHOOK_SECRETS", "crm="+hookSecret)
	t.Setenv("GOCHAT_WEBHOOK_BACKOFF", "20ms")
	t.Setenv("GOCHAT_AUTH_BCRYPT_COST", "4")
	dir := filepath.Join(t.TempDir(), "data")
	b := boot(t, "--data-dir", dir, "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "open  http://")
	_, after, _ := strings.Cut(b.stdout.String(), "open  ")
	base, _, _ := strings.Cut(after, "\n")
	post := func(path, token string, body, answer any) {
		raw, err := json.Marshal(body)
		require.NoError(t, err)
		req, err := http.NewRequest(http.MethodPost, base+path, bytes.NewReader(raw))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		require.Less(t, resp.StatusCode, 300)
		require.NoError(t, json.NewDecoder(resp.Body).Decode(answer))
	}
	var account struct{ Token string }
	post("/api/auth/register", "", map[string]string{"username": "anna", "password": "hunter2hunter2"}, &account)
	say := func(n int) {
		post("/api/messages", account.Token, map[string]string{
			"conversationId": "world", "content": fmt.Sprint(n), "messageType": "text", "tempMessageId": fmt.Sprint(n),
		}, &struct{}{})
	}
	wait := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return in.got() == want }, 15*time.Second, 10*time.Millisecond, "%s instead of %s", in.got(), want)
	}
	gochat := func(stdin string, args ...string) (int, string) {
		var out bytes.Buffer
		root := newCommand(&out, &out)
		root.SetArgs(append(args, "--data-dir", dir))
		root.SetIn(strings.NewReader(stdin))
		if err := root.ExecuteContext(t.Context()); err != nil {
			return 1, out.String() + err.Error()
		}
		return 0, out.String()
	}
	for n := range 3 {
		say(n)
	}
	wait("0,1,2")

	code, said := gochat("", "webhook", "test", "crm")
	assert.Zero(t, code, said)
	assert.Contains(t, said, "thank you")
	code, said = gochat("", "webhook", "replay", "crm", "--conversation", "world", "--from-seq", "2")
	assert.NotZero(t, code, "nobody said yes")
	assert.Contains(t, said, "2 messages of 1 conversations")
	code, said = gochat("y\n", "webhook", "replay", "crm", "--conversation", "world", "--from-seq", "2")
	assert.Zero(t, code, said)
	wait("0,1,2,1,2")
	code, said = gochat("", "webhook", "replay", "crm", "--since", "1h", "--yes")
	assert.Zero(t, code, said)
	wait("0,1,2,1,2,0,1,2")

	in.set(http.StatusBadGateway)
	say(3)
	require.Eventually(t, func() bool {
		code, said = gochat("", "webhook", "list")
		return code == 0 && strings.Contains(said, "502 Bad Gateway")
	}, 15*time.Second, 20*time.Millisecond, said)
	resp, err := http.Get(base + "/readyz")
	require.NoError(t, err)
	ready, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, string(ready), `"webhook-crm":"degraded"`)
	code, said = gochat("", "webhook", "test", "crm")
	assert.NotZero(t, code)
	assert.Contains(t, said, "502")
	in.set(0)
	wait("0,1,2,1,2,0,1,2,3")
	_, said = gochat("", "webhook", "list")
	assert.Contains(t, said, srv.URL)
	for _, text := range []string{said, b.stderr.String(), b.stdout.String()} {
		assert.NotContains(t, text, "hunter2")
		assert.NotContains(t, text, hookSecret)
	}
	metrics, err := http.Get(base + "/metrics")
	require.NoError(t, err)
	page, err := io.ReadAll(metrics.Body)
	require.NoError(t, err)
	require.NoError(t, metrics.Body.Close())
	assert.Contains(t, string(page), `gochat_webhook_messages_total{hook="crm"}`)
	assert.Contains(t, string(page), `gochat_webhook_post_seconds_count{hook="crm",outcome="refused"}`)
	code, said = gochat("", "webhook", "forget", "crm", "--yes")
	assert.Zero(t, code, said)
	code, said = gochat("", "webhook", "replay", "crm", "--since", "1h", "--yes")
	assert.NotZero(t, code)
	assert.Contains(t, said, "webhook list")
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

// TestOnlyTheFeedNeedsSecretsOfReceivers: processes may share a file of settings.
func TestOnlyTheFeedNeedsSecretsOfReceivers(t *testing.T) {
	cfg := defaultConfig()
	cfg.Webhook.Hooks["crm"] = "https://crm.example.org"
	cfg.Registry.Endpoints = []string{"127.0.0.1:2379"}
	cfg.MQ.Driver = driverKafka
	require.NoError(t, checkRoles([]string{roleGateway}, cfg))
	require.ErrorContains(t, checkRoles([]string{roleFeed}, cfg), "webhook.secrets")
	cfg.Webhook.Secrets["crm"] = hookSecret
	require.NoError(t, checkRoles([]string{roleFeed}, cfg))
}
