package stream

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sample() []record {
	full := message.NewMessage("uuid", []byte("payload"))
	full.Metadata = message.Metadata{"partition_key": "world", "empty": ""}
	return []record{{topic: 1, msg: full}, {topic: 300, msg: message.NewMessage("", nil)}}
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for name, records := range map[string][]record{"none": nil, "some": sample()} {
		data := encodeEntry(nil, records)
		e, err := decodeEntry(data)
		require.NoError(t, err, name)
		require.Len(t, e.records, len(records), name)
		for i, want := range records {
			got := e.records[i]
			assert.Equal(t, want.topic, got.topic)
			assert.Equal(t, want.msg.UUID, got.msg.UUID)
			assert.Equal(t, string(want.msg.Payload), string(got.msg.Payload))
			assert.Equal(t, want.msg.Metadata, got.msg.Metadata)
		}
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	data := encodeEntry(nil, sample())
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			_, err := decodeEntry(data)
			require.ErrorIs(t, err, ErrDamaged, "byte %d bit %d", i, bit)
			data[i] ^= 1 << bit
		}
	}
	for n := range len(data) {
		_, err := decodeEntry(data[:n])
		require.ErrorIs(t, err, ErrDamaged, "cut at %d", n)
	}
}

// FuzzDecodeEntry feeds bodies with a right checksum, so that the lengths inside
// are what is tested: no panic, and no more memory than the input justifies.
func FuzzDecodeEntry(f *testing.F) {
	whole := encodeEntry(nil, sample())
	f.Add(whole[:len(whole)-4])
	f.Add([]byte{entryVersion, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decodeEntry(sum(body))
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		again, err := decodeEntry(encodeEntry(nil, e.records))
		require.NoError(t, err)
		require.Len(t, again.records, len(e.records))
	})
}
