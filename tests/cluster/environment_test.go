package cluster_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	_ "github.com/go-sql-driver/mysql"
	"github.com/gorilla/websocket"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

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

// TestTwoEnvironments runs two environments on the same etcd, Kafka and Redis, and at night Redis streams,
// each with its own database. No message, user or setting of one is visible in the other, and every name at
// the servers begins with an environment.
func TestTwoEnvironments(t *testing.T) {
	if os.Getenv("GOCHAT_TEST_CLUSTER") == "" {
		t.Skip("GOCHAT_TEST_CLUSTER is not set: servers and processes are not started")
	}
	for i, queue := range []string{"kafka", "redisstream"} {
		if queue == "redisstream" && !nightly() {
			continue
		}
		t.Run(queue, func(t *testing.T) {
			blue, green := startColours(t, 22600+100*i, queue)
			for _, c := range []*colour{blue, green} {
				c.populate(t)
			}
			for _, c := range []*colour{blue, green} {
				c.talk(t)
			}
			for _, c := range []*colour{blue, green} {
				c.isComplete(t)
			}
			settingsAreApart(t, blue, green)
			if queue == "kafka" {
				poisonIsApart(t, blue, green)
			}
			names := namesAt(t, blue.Servers, queue)
			commandsAreApart(t, blue, green)
			for kind, all := range names {
				assert.NotEmpty(t, all, kind)
				begin := map[string]int{}
				for _, name := range all {
					environment, _, _ := strings.Cut(strings.TrimPrefix(name, "/"), ends[strings.Fields(kind)[0]])
					begin[environment]++
					assert.Contains(t, []string{"blue", "green"}, environment, "%s: %s", kind, name)
				}
				assert.Len(t, begin, 2, "%s: %v", kind, begin)
				t.Logf("%s: %v", kind, begin)
			}
		})
	}
}

// ends are the separators after the environment in names, by the kind of the server.
var ends = map[string]string{"etcd": "/", "kafka": ".", "redis": ":"}

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

// namesAt lists all names at the servers, by kind.
func namesAt(t *testing.T, servers *cluster.Servers, queue string) map[string][]string {
	t.Helper()
	out := map[string][]string{"redis": keysAt(t, servers.Cache())}
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{servers.Registry()}, DialTimeout: 10 * time.Second})
	require.NoError(t, err)
	defer func() { _ = etcd.Close() }()
	all, err := etcd.Get(t.Context(), "", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	require.NoError(t, err)
	for _, kv := range all.Kvs {
		out["etcd"] = append(out["etcd"], string(kv.Key))
	}
	if queue == "redisstream" {
		out["redis streams"] = keysAt(t, servers.Queue())
		return out
	}
	conf := sarama.NewConfig()
	conf.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin(servers.Brokers(), conf)
	require.NoError(t, err)
	defer func() { _ = admin.Close() }()
	topics, err := admin.ListTopics()
	require.NoError(t, err)
	for name := range topics {
		if !strings.HasPrefix(name, "__") {
			out["kafka topics"] = append(out["kafka topics"], name)
		}
	}
	// The names of the groups by which outboxes find out their fencing contain the transactional ids.
	groups, err := admin.ListConsumerGroups()
	require.NoError(t, err)
	for name := range groups {
		out["kafka groups"] = append(out["kafka groups"], name)
		if _, id, of := strings.Cut(name, "outbox-owner-"); of {
			out["kafka transactional ids"] = append(out["kafka transactional ids"], id)
		}
	}
	return out
}

func keysAt(t *testing.T, addr string) (keys []string) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = rdb.Close() }()
	all := rdb.Scan(t.Context(), 0, "*", 1000).Iterator()
	for all.Next(t.Context()) {
		keys = append(keys, all.Val())
	}
	require.NoError(t, all.Err())
	return keys
}

// settingsAreApart: a setting that changes at etcd changes in one environment only.
func settingsAreApart(t *testing.T, blue, green *colour) {
	t.Helper()
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{blue.Servers.Registry()}, DialTimeout: 10 * time.Second})
	require.NoError(t, err)
	defer func() { _ = etcd.Close() }()
	for _, c := range []struct {
		of    *colour
		bytes string
	}{{blue, "100"}, {green, "200"}} {
		_, err = etcd.Put(t.Context(), "/"+c.of.name+"/gochat/config/limits.content_max", c.bytes)
		require.NoError(t, err)
	}
	long := map[string]string{"conversationId": "world", "content": strings.Repeat("x", 150), "messageType": "text", "tempMessageId": "long"}
	require.Eventually(t, func() bool {
		long["tempMessageId"] += "g"
		err := blue.people[0].Call(t.Context(), http.MethodPost, "/api/messages", long, nil)
		return err != nil && strings.Contains(err.Error(), "400")
	}, complete, 50*time.Millisecond)
	require.NoError(t, green.people[0].Call(t.Context(), http.MethodPost, "/api/messages", long, nil))
	for _, c := range []struct {
		of    *colour
		bytes string
	}{{blue, "100"}, {green, "200"}} {
		shown, err := c.of.Command(t.Context(), "config", "show")
		require.NoError(t, err)
		assert.Regexp(t, `limits\.content_max +`+c.bytes+` +etcd`, shown)
		assert.Regexp(t, `environment +`+c.of.name+` +environment`, shown)
	}
}

// poisonIsApart: a record that cannot be decoded becomes poison in its own environment only.
func poisonIsApart(t *testing.T, blue, green *colour) {
	t.Helper()
	conf := sarama.NewConfig()
	conf.Version, conf.Producer.Return.Successes = sarama.V2_8_0_0, true
	producer, err := sarama.NewSyncProducer(blue.Servers.Brokers(), conf)
	require.NoError(t, err)
	defer func() { _ = producer.Close() }()
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{
		Topic: "blue.im-upstream-topic", Key: sarama.StringEncoder("world"), Value: sarama.StringEncoder("no protobuf"),
	})
	require.NoError(t, err)
	var listed string
	require.Eventually(t, func() bool {
		listed, err = blue.Command(t.Context(), "poison", "list")
		return err == nil && strings.Contains(listed, "undecodable")
	}, complete, 200*time.Millisecond, "%s %v", listed, err)
	listed, err = green.Command(t.Context(), "poison", "list")
	require.NoError(t, err)
	assert.NotContains(t, listed, "undecodable")
}

// commandsAreApart: a command that empties the cache removes the entries of its own environment only.
func commandsAreApart(t *testing.T, blue, green *colour) {
	t.Helper()
	counters := func(c *colour) (n int) {
		for _, key := range keysAt(t, c.Servers.Cache()) {
			if strings.HasPrefix(key, c.name+":conv_seq:") {
				n++
			}
		}
		return n
	}
	before := counters(green)
	require.Positive(t, before)
	require.Positive(t, counters(blue))
	said, err := blue.Command(t.Context(), "epoch", "new")
	require.NoError(t, err, said)
	assert.Zero(t, counters(blue))
	assert.Equal(t, before, counters(green))
}
