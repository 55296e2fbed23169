package middleware

import (
	"maps"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gochat/gochat/infra/mq"
)

// TestSpansAreNotWrittenIntoTheQueuesRecords: other subscribers, and a later try, see the records as they were
// published.
func TestSpansAreNotWrittenIntoTheQueuesRecords(t *testing.T) {
	t.Parallel()
	const kept, other, unkept = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-2af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	var run []*message.Message
	for _, parent := range []string{unkept, kept, "", other} {
		m := message.NewMessage("m", nil)
		m.Metadata["key"] = "value"
		if parent != "" {
			m.Metadata[traceParent] = parent
		}
		mq.WithDecoded(m, wrapperspb.String(parent))
		run = append(run, m)
	}
	var before []message.Metadata
	for _, m := range run {
		before = append(before, maps.Clone(m.Metadata))
	}
	first := message.NewMessage("m", nil)
	first.SetContext(mq.WithRun(t.Context(), run...))
	_, err := Trace{Topic: "t"}.Middleware(func(msg *message.Message) ([]*message.Message, error) {
		got := mq.Run(msg)
		require.Len(t, got, len(run))
		for i, m := range got {
			assert.Equal(t, "value", m.Metadata["key"])
			assert.Same(t, mq.Decoded(run[i]), mq.Decoded(m))
		}
		return nil, nil
	})(first)
	require.NoError(t, err)
	for i, m := range run {
		assert.Equal(t, before[i], m.Metadata)
	}
}
