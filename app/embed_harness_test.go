package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/tests/client"
)

// patience bounds every wait of a test; it is long because the machine may be busy.
const patience = time.Minute

func config(t *testing.T) *app.Config {
	t.Helper()
	cfg := app.DefaultConfig()
	cfg.DataDir, cfg.Gateway.Listen, cfg.Auth.BcryptCost, cfg.Log.Level = t.TempDir(), "127.0.0.1:0", 4, "warn"
	return cfg
}

// embed runs GoChat until the test ends or stop is called; stop asserts how Run returned.
func embed(t *testing.T, cfg *app.Config, opts ...app.Option) (at *client.Server, stop func()) {
	t.Helper()
	a, err := app.New(cfg, opts...)
	require.NoError(t, err)
	assert.Nil(t, a.Addr(), "it does not listen yet")
	assert.Empty(t, a.URL())
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	select {
	case <-a.Ready():
	case err := <-done:
		cancel()
		require.NoError(t, err)
		t.Fatal("it ended before it was ready")
	}
	require.NotNil(t, a.Addr())
	at = client.New(a.URL())
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		at.Close()
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(patience):
			t.Fatal("it does not stop")
		}
		require.ErrorIs(t, a.Run(t.Context()), app.ErrRan)
	}
	t.Cleanup(stop)
	return at, stop
}

// talk registers two users, sends a message from one to the other and waits for it on a socket. with returns the
// token that a user is to use; nil: the token of the registration.
func talk(t *testing.T, at *client.Server, with func(userID string) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	people := map[string]*client.Account{}
	for _, name := range []string{"ann", "bob"} {
		u, err := at.Register(ctx, name, "password")
		require.NoError(t, err)
		if with != nil {
			u.Token = with(u.UserID)
		}
		people[name] = u
	}
	conn, err := people["bob"].Dial(ctx, nil, "")
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	next := func(kind string) (m client.Message) {
		for {
			var frame struct {
				Type string
				Data json.RawMessage
			}
			require.NoError(t, conn.ReadJSON(&frame), "while waiting for %s", kind)
			if frame.Type == kind {
				require.NoError(t, json.Unmarshal(frame.Data, &m))
				return m
			}
		}
	}
	next("hello")
	said := map[string]string{"receiverId": people["bob"].UserID, "content": "hello", "messageType": "text", "tempMessageId": "t1"}
	require.NoError(t, people["ann"].Call(ctx, http.MethodPost, "/api/messages", said, nil))
	heard := next("new-message")
	assert.Equal(t, "hello", heard.Content)
	assert.Equal(t, people["ann"].UserID, heard.SenderID)
}

// figures returns the text of /metrics.
func figures(t *testing.T, at *client.Server) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.URL+"/metrics", nil)
	require.NoError(t, err)
	resp, err := at.HTTP.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}
