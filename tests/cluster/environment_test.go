package cluster_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/gochat/gochat/tests/cluster"
)

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
