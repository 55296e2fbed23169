package kafka

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// A topic is there when every broker knows it: a broker that has not heard of it would make a reader take it
// for deleted, and a gateway would get nothing. A broker that is away is not waited for.
func TestATopicIsThereWhenEveryBrokerKnows(t *testing.T) {
	t.Parallel()
	const topic = "topic"
	quick, slow, away := sarama.NewMockBroker(t, 1), sarama.NewMockBroker(t, 2), sarama.NewMockBroker(t, 3)
	defer quick.Close()
	defer slow.Close()
	says := func(err sarama.KError) sarama.MockResponse {
		m := sarama.NewMockMetadataResponse(t).SetBroker(quick.Addr(), 1).SetBroker(slow.Addr(), 2).SetBroker(away.Addr(), 3)
		if err != sarama.ErrNoError {
			return m.SetError(topic, err)
		}
		return m.SetLeader(topic, 0, 1)
	}
	knows, not := says(sarama.ErrNoError), says(sarama.ErrUnknownTopicOrPartition)
	quick.SetHandlerByMap(map[string]sarama.MockResponse{"MetadataRequest": knows})
	slow.SetHandlerByMap(map[string]sarama.MockResponse{"MetadataRequest": sarama.NewMockSequence(not, not, not, knows)})
	away.Close()
	s := sarama.NewConfig()
	s.Version, s.ApiVersionsRequest, s.Metadata.Full = sarama.V2_8_0_0, false, false
	s.Metadata.Retry.Max, s.Metadata.Retry.Backoff = 10, time.Millisecond
	client, err := sarama.NewClient([]string{quick.Addr()}, s)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.RefreshMetadata(topic))
	tr := &Transport{cfg: usable(), log: zap.NewNop(), client: client, directory: newDirectory()}
	require.NoError(t, tr.await(t.Context(), topic, 1))
	asked := 0
	for _, r := range slow.History() {
		if _, ok := r.Request.(*sarama.MetadataRequest); ok {
			asked++
		}
	}
	assert.GreaterOrEqual(t, asked, 4, "it was not known everywhere yet")
}
