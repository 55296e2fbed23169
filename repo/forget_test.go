package repo_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo"
)

// TestForgetCache: what Redis keeps of the database goes, on every node; who is
// connected where, and what is not the cache's, stays.
func TestForgetCache(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{
		"single": "GOCHAT_TEST_REDIS_ADDR", "cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
		"single, an environment": "GOCHAT_TEST_REDIS_ADDR", "cluster, an environment": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addrs := os.Getenv(env)
			if addrs == "" {
				t.Skip("set " + env + " to run it with a real Redis")
			}
			cfg := kv.DefaultConfig()
			cfg.Addrs = strings.Split(addrs, ",")
			if strings.HasPrefix(name, "single") {
				cfg.DB = 2
			}
			if strings.HasSuffix(name, "environment") {
				cfg.Environment = "blue"
			}
			client, err := kv.Open(t.Context(), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, client.Close()) })
			neighbour := cfg
			neighbour.Environment = "green"
			other, err := kv.Open(t.Context(), neighbour)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, other.Close()) })
			require.NoError(t, other.Set(t.Context(), "conv_seq:{world}", "1", time.Minute).Err())
			kept := []string{"user_session:{1}", "queue:{1}", "conv_seq"}
			gone := []string{}
			for _, conv := range []string{"world", "group_1", "group_2", "group_3", "group_4"} {
				gone = append(gone, "conv_seq:{"+conv+"}", "hot_messages:{"+conv+"}", "hot_mark:{"+conv+"}", "msg_dedup:{"+conv+"}:1:a")
			}
			gone = append(gone, "user_info:{1}", "token:{x}", "device:{1}:phone", "device_token:{1}:1:x:phone", "signed_out:{1}")
			for _, key := range append(kept, gone...) {
				require.NoError(t, client.Set(t.Context(), key, "x", 0).Err())
			}
			n, err := repo.ForgetCache(t.Context(), cfg)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, n, len(gone))
			for _, key := range gone {
				assert.Zero(t, client.Exists(t.Context(), key).Val(), key)
			}
			assert.EqualValues(t, 1, other.Exists(t.Context(), "conv_seq:{world}").Val(), "another environment's")
			for _, key := range kept {
				assert.EqualValues(t, 1, client.Exists(t.Context(), key).Val(), key)
				require.NoError(t, client.Del(t.Context(), key).Err())
			}
		})
	}
}
