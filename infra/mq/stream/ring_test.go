package stream

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gochat/gochat/infra/mq"
)

func entryOf(topics ...uint64) *entry {
	e := &entry{}
	for _, topic := range topics {
		e.records = append(e.records, record{topic: topic, msg: message.NewMessage("m", nil)})
	}
	return e
}

func woken(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// TestReadersAreWokenForTheirTopics: readers of other topics wake when all are roused.
func TestReadersAreWokenForTheirTopics(t *testing.T) {
	t.Parallel()
	r := newRing(1, 1, 1<<20)
	wait := func(index, topic uint64) <-chan struct{} {
		e, ch := r.get(index, topic)
		require.Nil(t, e)
		return ch
	}
	one, two, three := wait(1, 1), wait(1, 2), wait(1, 3)
	r.push(entryOf(1, 1, 3, 1))
	assert.True(t, woken(one))
	assert.False(t, woken(two))
	assert.True(t, woken(three))
	e, ch := r.get(1, 2)
	assert.Nil(t, ch, "what is there is not waited for")
	assert.Len(t, e.records, 4)
	later := wait(2, 2)
	r.rouse()
	assert.True(t, woken(two))
	assert.True(t, woken(later))
	r.push(entryOf(2)) // nobody waits
}

// TestDecodedContentsCount: what an entry keeps in memory beside its bytes takes room in the ring.
func TestDecodedContentsCount(t *testing.T) {
	t.Parallel()
	weight := func(decoded bool) int {
		m := message.NewMessage("m", make([]byte, 1000))
		if decoded {
			mq.WithDecoded(m, wrapperspb.Bytes(m.Payload))
		}
		records := []record{{msg: m}}
		require.NoError(t, weigh(records))
		e := &entry{records: records, bytes: 1000, weight: newCall(records).bytes}
		return e.cost()
	}
	assert.Greater(t, weight(true), weight(false)+1000)
}
