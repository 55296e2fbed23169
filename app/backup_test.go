package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/mq"
)

// TestABackupOfWhatWasOnlyRestored: a backup of a directory that was restored and not started on has the accepted
// sends in it, and no records for a dead gateway.
func TestABackupOfWhatWasOnlyRestored(t *testing.T) {
	t.Parallel()
	gateways := contracts.TopicDownstream("gw-1")
	line := func(topic, groups string) string {
		return `{"topic":"` + topic + `",` + groups + `"uuid":"one","payload":"AA=="}` + "\n"
	}
	accepted := map[string]string{
		"groups": line(contracts.TopicUpstream, `"groups":["`+contracts.GroupMessage+`"],`), "no groups": line(contracts.TopicUpstream, ""),
	}
	for _, driver := range queueNames(true) {
		for name, first := range accepted {
			t.Run(driver+", "+name, func(t *testing.T) {
				t.Parallel()
				dir, cfg := t.TempDir(), MQConfig{Driver: driver}
				require.NoError(t, loadQueue(t.Context(), cfg, dir, strings.NewReader(first+`{"end":1}`)))
				q, err := cfg.openEmbedded(dir, zap.NewNop())
				require.NoError(t, err)
				require.NoError(t, q.Ensure(t.Context(), mq.Topic{Name: gateways, Tail: true}))
				require.NoError(t, q.Publisher().Publish(gateways, message.NewMessage("two", nil)))
				require.NoError(t, q.Close())
				var dump bytes.Buffer
				require.NoError(t, dumpOfStopped(t.Context(), cfg, dir, &dump))
				assert.Equal(t, first+"{\"end\":1}\n", dump.String())
			})
		}
	}
}
