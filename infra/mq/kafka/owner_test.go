package kafka

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
)

// A new topic is not known to every broker at once, perhaps not to the one that keeps the words: a process
// that starts then asks again.
func TestAWordIsLeftAtABrokerThatLearnsOfTheTopicLate(t *testing.T) {
	t.Parallel()
	broker := sarama.NewMockBroker(t, 1)
	defer broker.Close()
	id := newIdentity(Config{TransactionTimeout: time.Second}, "outbox")
	said := func(err sarama.KError) sarama.MockResponse {
		return sarama.NewMockOffsetCommitResponse(t).SetError(id.group, ownersTopic, 0, err)
	}
	broker.SetHandlerByMap(map[string]sarama.MockResponse{
		"MetadataRequest":        sarama.NewMockMetadataResponse(t).SetBroker(broker.Addr(), broker.BrokerID()),
		"FindCoordinatorRequest": sarama.NewMockFindCoordinatorResponse(t).SetCoordinator(sarama.CoordinatorGroup, id.group, broker),
		"OffsetCommitRequest": sarama.NewMockSequence(
			said(sarama.ErrUnknownTopicOrPartition), said(sarama.ErrUnknownTopicOrPartition), said(sarama.ErrNoError)),
	})
	s := sarama.NewConfig()
	s.Version, s.ApiVersionsRequest = sarama.V2_1_0_0, false
	client, err := sarama.NewClient([]string{broker.Addr()}, s)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, id.own(t.Context(), client))
}
