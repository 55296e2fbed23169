package repo_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo"
)

// TestForgetCache: what Redis keeps of the database goes, on every node; who is
// connected where, and what is not the cache's, stays.
func TestForgetCache(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]string{"single": "GOCHAT_TEST_REDIS_ADDR", "cluster": "GOCHAT_TEST_REDIS_CLUSTER_ADDRS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addrs := os.Getenv(env)
			if addrs == "" {
				t.Skip("set " + env + " to run it with a real Redis")
			}
			cfg := kv.DefaultConfig()
			cfg.Addrs = strings.Split(addrs, ",")
			if name == "single" {
				cfg.DB = 2
			}
			client, err := kv.Open(t.Context(), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, client.Close()) })
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
			for _, key := range kept {
				assert.EqualValues(t, 1, client.Exists(t.Context(), key).Val(), key)
				require.NoError(t, client.Del(t.Context(), key).Err())
			}
		})
	}
}
