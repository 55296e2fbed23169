package cluster_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/client"
	"github.com/gochat/gochat/tests/cluster"
)

// colour is one of two environments on the same servers.
type colour struct {
	*cluster.Cluster
	name     string
	people   []*client.Account
	group    string
	contents []string // contents of the messages that were sent

	mu    sync.Mutex
	heard map[string]bool // contents that were pushed to a socket
}

func startColours(t *testing.T, basePort int, queue string) (blue, green *colour) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("gochat-cluster-%d", basePort))
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "green"), 0o700))
	bin, err := chaos.Build(t.Context(), dir)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	opt := func(name, dir string, env ...string) cluster.Options {
		return cluster.Options{
			Binary: bin, Dir: dir, BasePort: basePort, Queue: queue,
			Roles: map[string]int{"repo,logic": 1, "message,fanout,feed,janitor": 1, "gateway": 1},
			Env:   append([]string{"GOCHAT_ENVIRONMENT=" + name, "GOCHAT_ROUTER_GROUP_LIMIT=3", "GOCHAT_DB_REPLICA_DSNS="}, env...),
		}
	}
	first, err := cluster.Start(ctx, opt("blue", dir))
	require.NoError(t, err)
	t.Cleanup(func() { stopColour(t, first, dir) })
	database, err := sql.Open("mysql", first.Servers.Database(""))
	require.NoError(t, err)
	defer func() { _ = database.Close() }()
	_, err = database.ExecContext(ctx, "CREATE DATABASE gochat_green")
	require.NoError(t, err)
	second, err := first.Beside(ctx, opt("green", filepath.Join(dir, "green"), "GOCHAT_DB_DSN="+first.Servers.Database("gochat_green")))
	require.NoError(t, err)
	t.Cleanup(func() { stopColour(t, second, "") })
	return &colour{Cluster: first, name: "blue", heard: map[string]bool{}}, &colour{Cluster: second, name: "green", heard: map[string]bool{}}
}

func stopColour(t *testing.T, c *cluster.Cluster, dir string) {
	t.Helper()
	assert.NoError(t, c.Stop())
	if t.Failed() {
		for _, p := range c.Processes {
			t.Logf("%s said at the end:\n%s", p.Name, p.Tail(2500))
		}
	} else if dir != "" {
		assert.NoError(t, os.RemoveAll(dir))
	}
}

// populate makes the same users in each environment, with a socket each, and a large group.
func (c *colour) populate(t *testing.T) {
	t.Helper()
	server := client.New(c.Gateways()[0])
	t.Cleanup(server.Close)
	var ids []string
	for _, name := range []string{"ada", "bob", "cid", "dan"} {
		one, err := server.Register(t.Context(), name, "a long password")
		require.NoError(t, err)
		conn, err := one.Dial(t.Context(), websocket.DefaultDialer, "phone")
		require.NoError(t, err)
		done := make(chan struct{})
		go func() { defer close(done); c.listen(conn) }()
		t.Cleanup(func() { _ = conn.Close(); <-done })
		c.people, ids = append(c.people, one), append(ids, one.UserID)
	}
	var group struct {
		ConversationID string `json:"conversationId"`
	}
	require.NoError(t, c.people[0].Call(t.Context(), http.MethodPost, "/api/groups", map[string]any{"name": c.name, "memberIds": ids[1:]}, &group))
	c.group = group.ConversationID
}

// listen notes the contents that are pushed to a socket until it is closed.
func (c *colour) listen(conn *websocket.Conn) {
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		var frame struct {
			Type string         `json:"type"`
			Data client.Message `json:"data"`
		}
		if json.Unmarshal(data, &frame) == nil && frame.Type == "new-message" {
			c.mu.Lock()
			c.heard[frame.Data.Content] = true
			c.mu.Unlock()
		}
	}
}

// talk sends a message of every user to every conversation.
func (c *colour) talk(t *testing.T) {
	t.Helper()
	for i, one := range c.people {
		for where, to := range map[string]map[string]string{
			"world": {"conversationId": "world"}, "group": {"conversationId": c.group},
			"single": {"receiverId": c.people[(i+1)%len(c.people)].UserID},
		} {
			content := c.name + " " + one.Name + " " + where
			body := map[string]string{"content": content, "messageType": "text", "tempMessageId": one.Name + "-" + where}
			for k, v := range to {
				body[k] = v
			}
			require.NoError(t, one.Call(t.Context(), http.MethodPost, "/api/messages", body, nil))
			c.contents = append(c.contents, content)
		}
	}
	// These calls make other keys in Redis: a wrong password, a logout, a device that is signed out.
	last := c.people[len(c.people)-1]
	var refused *client.Error
	require.ErrorAs(t, c.people[0].Server.Call(t.Context(), http.MethodPost, "/api/auth/login", "", map[string]string{"username": "ada", "password": "a wrong password"}, nil), &refused)
	require.NoError(t, last.Call(t.Context(), http.MethodDelete, "/api/devices/phone", nil, nil))
	require.NoError(t, c.people[2].Call(t.Context(), http.MethodPost, "/api/auth/logout", map[string]bool{"everywhere": true}, nil))
}

// isComplete waits until every message was pushed, and asserts that no other was, and that the history of world has only
// messages of this environment.
func (c *colour) isComplete(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.heard) >= len(c.contents)
	}, complete, 50*time.Millisecond)
	c.mu.Lock()
	for content := range c.heard {
		assert.Contains(t, c.contents, content)
	}
	c.mu.Unlock()
	history, err := c.people[0].History(t.Context(), "world")
	require.NoError(t, err)
	assert.Len(t, history, len(c.people))
	for _, m := range history {
		assert.Contains(t, c.contents, m.Content)
	}
}
