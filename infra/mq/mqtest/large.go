package mqtest

import (
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/mq"
)

// sized makes a message of a number of bytes beside its key and UUID.
func sized(name string, bytes int) *message.Message {
	m := message.NewMessage(name, make([]byte, bytes))
	m.Metadata[mq.KeyMetadata] = "key"
	return m
}

// tooLarge: a message, or a call, above the limits is refused with the same error by all drivers, and nothing
// of the call is published; one that is just below goes through.
func tooLarge(t *testing.T, d Driver) {
	tr := open(t, d)
	ensure(t, tr, "topic")
	out, err := tr.Outbox("large")
	require.NoError(t, err)
	const margin = 8 << 10 // what drivers count for a record beside its bytes
	call := func(n, bytes int) (msgs []*message.Message, outs []mq.Outbound) {
		for i := range n {
			m := sized(fmt.Sprintf("refused/%d", i), bytes)
			msgs, outs = append(msgs, m), append(outs, mq.Outbound{Topic: "topic", Message: m})
		}
		return msgs, outs
	}
	for name, c := range map[string]struct{ n, bytes int }{
		"a message": {1, mq.MaxRecordBytes + 1},
		"a call":    {9, mq.MaxRecordBytes - margin},
	} {
		msgs, outs := call(c.n, c.bytes)
		small := sized("refused/small", 1)
		assert.ErrorIs(t, tr.Publisher().Publish("topic", append(msgs, small)...), mq.ErrTooLarge, name)
		assert.ErrorIs(t, out.Publish(t.Context(), append(outs, mq.Outbound{Topic: "topic", Message: small})...), mq.ErrTooLarge, name)
	}
	publish(t, tr, "topic", sized("one", mq.MaxRecordBytes-margin))
	var outs []mq.Outbound
	for i := range 7 {
		outs = append(outs, mq.Outbound{Topic: "topic", Message: sized(fmt.Sprintf("many/%d", i), mq.MaxRecordBytes-margin)})
	}
	require.NoError(t, out.Publish(t.Context(), outs...))
	ch, _ := subscribe(t, tr, "topic", mq.SubscriberConfig{Group: "g", Lanes: 1})
	for i := range 8 {
		m := receive(t, ch)
		want := "one"
		if i > 0 {
			want = fmt.Sprintf("many/%d", i-1)
		}
		assert.Equal(t, want, m.UUID, "what was refused is not there, and the rest in order")
		m.Ack()
	}
}
