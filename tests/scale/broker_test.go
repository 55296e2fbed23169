package scale_test

import (
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
)

// written is what the brokers have of this test's topics, by what these are for, and of their own topics,
// those of others' transactions and groups included: bytes of one replica each.
func (q *queue) written(t *testing.T) map[string]int64 {
	t.Helper()
	conf := sarama.NewConfig()
	conf.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin(q.brokers, conf)
	require.NoError(t, err)
	defer func() { assert.NoError(t, admin.Close()) }()
	brokers, _, err := admin.DescribeCluster()
	require.NoError(t, err)
	var ids []int32
	for _, b := range brokers {
		ids = append(ids, b.ID())
	}
	dirs, err := admin.DescribeLogDirs(ids)
	require.NoError(t, err)
	out := map[string]int64{}
	for _, of := range dirs {
		for _, dir := range of {
			for _, topic := range dir.Topics {
				for _, p := range topic.Partitions {
					out[q.kind(topic.Topic)] += p.Size
				}
			}
		}
	}
	delete(out, "")
	return out
}

// kind says what a topic is for; "" is another test's.
func (q *queue) kind(name string) string {
	if strings.HasPrefix(name, "__") {
		return name
	}
	own, ours := strings.CutPrefix(name, q.start)
	if _, of := contracts.GatewayOfTopic(own); ours && of {
		return "gateways"
	}
	if !ours {
		return ""
	}
	return own
}

// directory is the size of what a process reads of all topics once a minute, whichever it needs.
func (q *queue) directory(t *testing.T) int64 {
	t.Helper()
	conf := sarama.NewConfig()
	conf.Version = sarama.V2_8_0_0
	client, err := sarama.NewClient(q.brokers, conf)
	require.NoError(t, err)
	defer func() { assert.NoError(t, client.Close()) }()
	require.NoError(t, client.RefreshMetadata())
	sizes, ok := conf.MetricRegistry.Get("response-size").(interface{ Max() int64 })
	require.True(t, ok)
	return sizes.Max()
}
