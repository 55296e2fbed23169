package mq

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// TestDecoded: subscribers find the contents that the publisher attached, and a message without a payload
// counts with their size.
func TestDecoded(t *testing.T) {
	t.Parallel()
	m := message.NewMessage("id", nil)
	assert.Nil(t, Decoded(m))
	assert.Equal(t, 2, RecordBytes(m))
	said := wrapperspb.String("hello")
	WithDecoded(m, said)
	assert.Same(t, said, Decoded(m))
	assert.Equal(t, 2+proto.Size(said), RecordBytes(m))
	m.Payload = make([]byte, 100)
	assert.Equal(t, 102, RecordBytes(m))
}

// TestARunIsTheQueuesOwn: a run has the very messages that were fed, and a middleware that writes to the
// delivered message does not write to them.
func TestARunIsTheQueuesOwn(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		var run []*tracked
		for i := range n {
			run = append(run, &tracked{record: record(uint64(i), "key", 1)}) //nolint:gosec // small
		}
		msg := compose(t.Context(), run)
		for i, m := range Run(msg) {
			assert.Same(t, run[i].record.Message, m)
		}
		assert.Len(t, Run(msg), n)
		msg.Metadata["traceparent"] = "mine"
		assert.NotContains(t, run[0].record.Message.Metadata, "traceparent")
		assert.Equal(t, "key", msg.Metadata[KeyMetadata])
	}
}
