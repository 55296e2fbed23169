package redisstream

import (
	"hash/fnv"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/gochat/gochat/infra/mq"
)

// keys makes the names of the keys at the server. A topic's name has no colon, so that no two keys have the
// same name.
type keys struct{ prefix string }

func (c Config) keys() keys {
	if c.Environment == "" {
		return keys{c.Prefix}
	}
	return keys{c.Environment + ":" + c.Prefix}
}

// topics is a hash of how many shards each topic has.
func (k keys) topics() string { return k.prefix + ":topics" }

// streams is the beginning of the names of a topic's streams; the shard follows.
func (k keys) streams(topic string) string { return k.prefix + ":stream:" + topic + ":" }

func (k keys) stream(topic string, shard int) string { return k.streams(topic) + strconv.Itoa(shard) }

// all returns the streams of a topic, by shard.
func (k keys) all(topic string, shards int) []string {
	out := make([]string, shards)
	for shard := range out {
		out[shard] = k.stream(topic, shard)
	}
	return out
}

// groups is a set of the groups that a topic has.
func (k keys) groups(topic string) string { return k.prefix + ":groups:" + topic }

// trimmed is a hash of how many entries were dropped from each shard.
func (k keys) trimmed(topic string) string { return k.prefix + ":trimmed:" + topic }

// cursors is a hash of a group's cursor in each shard.
func (k keys) cursors(topic, group string) string { return k.prefix + ":cursor:" + topic + ":" + group }

// members is a sorted set of a group's members, by the time of their last sign of life.
func (k keys) members(topic, group string) string {
	return k.prefix + ":members:" + topic + ":" + group
}

// leases is the beginning of the names of a topic's leases; group and shard follow.
func (k keys) leases(topic string) string { return k.prefix + ":lease:" + topic + ":" }

// lease holds the owner of a group's shard, a token, and the run id of the server that it was taken from.
func (k keys) lease(topic, group string, shard int) string {
	return k.leases(topic) + group + ":" + strconv.Itoa(shard)
}

// token is the counter from which leases get their tokens.
func (k keys) token() string { return k.prefix + ":token" }

// shardOf is the shard of a message's key; it is the same in every process.
func shardOf(m *message.Message, shards int) int {
	key := m.Metadata[mq.KeyMetadata]
	if key == "" {
		key = m.UUID
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))            // never fails
	return int(h.Sum32() % uint32(shards)) //nolint:gosec // at most 1024
}
