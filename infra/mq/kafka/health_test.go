package kafka_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/kafka"
)

// Health closes no connection that others use: a process may ask while it makes its topics.
func TestHealthDisturbsNobody(t *testing.T) {
	t.Parallel()
	tr, err := kafka.Open(t.Context(), config(t), quiet(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, tr.Close()) }()
	made := make(chan error)
	go func() {
		for range 10 {
			topic := mq.Topic{Name: "health-" + uuid.NewString(), Partitions: 1}
			err := tr.Ensure(t.Context(), topic)
			if err == nil {
				err = tr.Delete(t.Context(), topic.Name)
			}
			if err != nil {
				made <- err
				return
			}
		}
		made <- nil
	}()
	for asked := 0; ; asked++ {
		select {
		case err := <-made:
			require.NoError(t, err)
			require.Positive(t, asked)
			return
		default:
			require.NoError(t, tr.Health(t.Context()))
		}
	}
}
