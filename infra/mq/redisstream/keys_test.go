package redisstream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestKeys: with an environment every key begins with it; without one keys are what they always were.
func TestKeys(t *testing.T) {
	t.Parallel()
	for environment, start := range map[string]string{"": "gochat-mq:", "blue": "blue:gochat-mq:"} {
		cfg := DefaultConfig()
		cfg.Environment = environment
		k := cfg.keys()
		assert.Equal(t, start+"stream:im-upstream-topic:3", k.stream("im-upstream-topic", 3))
		assert.Equal(t, start+"topics", k.topics())
		assert.Equal(t, start+"lease:t:gochat-message:0", k.lease("t", "gochat-message", 0))
		for _, key := range []string{k.groups("t"), k.trimmed("t"), k.cursors("t", "g"), k.members("t", "g"), k.leases("t"), k.token()} {
			assert.True(t, strings.HasPrefix(key, start), key)
		}
	}
}
