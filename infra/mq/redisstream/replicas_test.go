package redisstream

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
)

// TestReplicasConfirm publishes to the master that sentinels name, and waits for its
// replicas.
func TestReplicasConfirm(t *testing.T) {
	t.Parallel()
	sentinels := os.Getenv("GOCHAT_TEST_REDIS_SENTINEL_ADDRS")
	if sentinels == "" {
		t.Skip("GOCHAT_TEST_REDIS_SENTINEL_ADDRS names no sentinels")
	}
	cfg := DefaultConfig()
	cfg.Addrs, cfg.MasterName, cfg.Prefix = strings.Split(sentinels, ","), "gochat", "test-"+watermill.NewShortUUID()
	cfg.Timeout = time.Second
	for want, ok := range map[int]bool{1: true, 2: true, 3: false} {
		cfg.WaitReplicas = want
		tr, err := Open(t.Context(), cfg, zap.NewNop())
		require.NoError(t, err)
		require.NoError(t, tr.Ensure(t.Context(), mq.Topic{Name: "topic"}))
		err = tr.Publisher().Publish("topic", message.NewMessage("1", nil))
		if ok {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "mq.redisstream.wait_replicas")
		}
		require.ErrorIs(t, tr.Publisher().Publish("nowhere", message.NewMessage("1", nil)), mq.ErrUnknownTopic)
		assert.NoError(t, tr.Delete(t.Context(), "topic"))
		assert.NoError(t, tr.Close())
	}
}
