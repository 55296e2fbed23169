package webhook_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/webhook"
)

func TestPostGoesNowhereElse(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	var elsewhere, connections atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	mux.Handle("/away", http.RedirectHandler("/elsewhere", http.StatusPermanentRedirect))
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 2000)) // read to the end, so that the connection stays
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	post := func(path string, times int) (answer webhook.Answer) {
		p := webhook.NewPoster(settings(map[string]string{"crm": srv.URL + path}), "crm")
		defer p.Close()
		for range times {
			var err error
			answer, err = p.Post(t.Context(), contracts.WebhookBatch{DeliveryID: "1", Messages: []contracts.MessageData{}})
			require.NoError(t, err)
		}
		return answer
	}
	assert.Equal(t, http.StatusPermanentRedirect, post("/away", 1).Status)
	assert.Zero(t, elsewhere.Load())
	assert.Len(t, post("/endless", 1).Text, 64<<10)
	before := connections.Load()
	assert.Equal(t, http.StatusOK, post("/", 20).Status)
	assert.EqualValues(t, 1, connections.Load()-before, "one connection for all")
}

func TestErrorsDoNotTellTheURL(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for _, address := range []string{ln.Addr().String(), silent.Addr().String()} {
		cfg := settings(map[string]string{"crm": "http://" + address + "/key-of-the-receiver?token=hunter2"})
		cfg.Timeout = 50 * time.Millisecond
		p := webhook.NewPoster(cfg, "crm")
		_, err = p.Post(t.Context(), contracts.WebhookBatch{})
		p.Close()
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "key-of-the-receiver")
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

func TestTwoSecretsWhileOneIsChanged(t *testing.T) {
	t.Parallel()
	r := receive(t, "crm") // the receiver knows only the old secret
	cfg := settings(map[string]string{"crm": r.URL})
	cfg.OldSecrets["crm"], cfg.Secrets["crm"] = cfg.Secrets["crm"], strings.Repeat("new", 16)
	p := webhook.NewPoster(cfg, "crm")
	defer p.Close()
	answer, err := p.Post(t.Context(), contracts.WebhookBatch{DeliveryID: "7", Messages: []contracts.MessageData{}})
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, answer.Status)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	with := func(change func(c *webhook.Config)) webhook.Config {
		c := settings(map[string]string{"crm": "https://crm.example.org/in"})
		change(&c)
		return c
	}
	url := func(u string) webhook.Config {
		return with(func(c *webhook.Config) { c.Hooks["crm"] = u })
	}
	for name, c := range map[string]struct {
		cfg  webhook.Config
		want string // "": it is taken
	}{
		"as it is":              {with(func(*webhook.Config) {}), ""},
		"no hooks":              {webhook.DefaultConfig(), ""},
		"this machine":          {url("http://127.0.0.1:9000/in"), ""},
		"this machine, by name": {url("http://localhost:9000/in"), ""},
		"in the clear":          {url("http://crm.example.org/in"), "webhook.allow_http"},
		"in the clear, allowed": {with(func(c *webhook.Config) { c.Hooks["crm"], c.AllowHTTP = "http://crm.example.org", true }), ""},
		"another scheme":        {url("ftp://crm.example.org"), "must begin with https://"},
		"no host":               {url("https:///in"), "https://host/path"},
		"no URL":                {url("crm"), "https://host/path"},
		"a password":            {url("https://me:hunter2@crm.example.org"), "user or a password"},
		"a fragment":            {url("https://crm.example.org/#in"), "#"},
		"no secret":             {with(func(c *webhook.Config) { delete(c.Secrets, "crm") }), "webhook.secrets"},
		"a short secret":        {with(func(c *webhook.Config) { c.Secrets["crm"] = "hunter2" }), "at least 32 bytes"},
		"a short old secret":    {with(func(c *webhook.Config) { c.OldSecrets["crm"] = "hunter2" }), "webhook.old_secrets"},
		"a secret of nobody":    {with(func(c *webhook.Config) { c.Secrets["crn"] = secret("crn") }), "no hook \"crn\""},
		"from start of nobody":  {with(func(c *webhook.Config) { c.FromStart = []string{"crn"} }), "webhook.from_start"},
		"a bad name":            {settings(map[string]string{"CRM": "https://crm.example.org"}), "webhook.hooks: the name"},
		"nothing in flight":     {with(func(c *webhook.Config) { c.InFlight = 0 }), "webhook.in_flight"},
		"no batch":              {with(func(c *webhook.Config) { c.Batch = 0 }), "webhook.batch "},
		"no bytes":              {with(func(c *webhook.Config) { c.BatchBytes = 0 }), "webhook.batch_bytes"},
		"no time":               {with(func(c *webhook.Config) { c.Timeout = 0 }), "webhook.timeout"},
		"no pause":              {with(func(c *webhook.Config) { c.Backoff = 0 }), "webhook.backoff"},
		"a pause beyond most":   {with(func(c *webhook.Config) { c.BackoffMax = c.Backoff - 1 }), "webhook.backoff_max"},
		"scans without end":     {with(func(c *webhook.Config) { c.ScanInterval = 0 }), "webhook.scan_interval"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.cfg.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := webhook.New(webhook.DefaultConfig(), webhook.Deps{})
	require.ErrorContains(t, err, "missing")
}

// TestTheExampleReceiver runs the receiver of deploy/WEBHOOKS.md as it is printed there.
func TestTheExampleReceiver(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../deploy/WEBHOOKS.md")
	require.NoError(t, err)
	code := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, code)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := ln.Addr().String()
	require.NoError(t, ln.Close())
	source := strings.ReplaceAll(string(code[1]), "127.0.0.1:9000", address)
	require.Contains(t, source, address)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600))
	build := exec.Command("go", "build", "-o", "receiver", "main.go")
	build.Dir = dir
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	cmd := exec.Command(filepath.Join(dir, "receiver"))
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret("crm"))
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, 10*time.Millisecond)
	post := func(change func(c *webhook.Config)) int {
		cfg := settings(map[string]string{"crm": "http://" + address})
		change(&cfg)
		p := webhook.NewPoster(cfg, "crm")
		defer p.Close()
		answer, err := p.Post(t.Context(), contracts.WebhookBatch{DeliveryID: "1", ConversationID: "world", Messages: []contracts.MessageData{
			{MessageID: "1", ConversationID: "world", SeqID: 1, SenderID: "2", Content: "grüße 😀", MessageType: "text", TempMessageID: "t", Timestamp: 1},
		}})
		require.NoError(t, err)
		return answer.Status
	}
	assert.Equal(t, http.StatusOK, post(func(*webhook.Config) {}))
	assert.Equal(t, http.StatusOK, post(func(c *webhook.Config) {
		c.OldSecrets["crm"], c.Secrets["crm"] = c.Secrets["crm"], strings.Repeat("new", 16)
	}))
	assert.Equal(t, http.StatusUnauthorized, post(func(c *webhook.Config) { c.Secrets["crm"] = strings.Repeat("bad", 16) }))
}
