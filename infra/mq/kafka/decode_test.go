package kafka

import (
	"testing"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// FuzzDecode: a record that another program wrote is handed on with an id and its key, without a panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), []byte("_watermill_message_uuid"), []byte("id"))
	f.Add([]byte{}, []byte{}, []byte{}, []byte{})
	f.Add([]byte("k"), []byte("v"), []byte(mq.KeyMetadata), []byte(""))
	f.Fuzz(func(t *testing.T, key, value, name, text []byte) {
		m := decode(&sarama.ConsumerMessage{
			Topic: "t", Partition: 1, Offset: 2, Key: key, Value: value,
			Headers: []*sarama.RecordHeader{{Key: name, Value: text}},
		})
		require.NotEmpty(t, m.UUID)
		require.Equal(t, value, []byte(m.Payload))
		if len(key) > 0 && string(name) != mq.KeyMetadata {
			require.Equal(t, string(key), m.Metadata[mq.KeyMetadata])
		}
	})
}
