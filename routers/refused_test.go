package routers

import (
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/contracts"
)

// TestWhatIsRefusedIsNotStoredByWhoeverComesNext: one message of a run is given up and its sender told so, and
// the run goes back to the queue because of another message. The next router, in another process, could handle
// both messages, and must store only the other one.
func TestWhatIsRefusedIsNotStoredByWhoeverComesNext(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	b := newBench(t, beforeStages, func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			for _, it := range carrierOf(msg.Context()).env.Items {
				switch id := it.Upstream.GetTempMessageId(); {
				case broken.Load() && id == "bad":
					panic("this message breaks the handler")
				case broken.Load() && id == "waits":
					return nil, contracts.NewError(contracts.CodeUnavailable, "")
				}
			}
			return h(msg)
		}
	})
	b.send("bad", "waits")
	b.collect(func(all map[string]*seen) bool { return all["bad"] != nil && all["bad"].rejected > 0 })
	b.end()
	broken.Store(false)
	b.start(nil)
	all := b.collect(func(all map[string]*seen) bool { return acked("waits")(all) && all["bad"] != nil })
	assert.Zero(t, all["bad"].stored+all["bad"].pushes, "it was told that this message will never be stored")
	assert.Positive(t, all["bad"].rejected, "it is told so again")
	history := b.repo.history[string(contracts.SingleConversation(1, 2))]
	if assert.Len(t, history, 1) {
		assert.Equal(t, "waits", history[0].GetTempMessageId())
	}
}
