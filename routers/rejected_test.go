package routers

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
)

// Why a message was rejected is in the log, by its trace and by its tempMessageId, without what it says.
func TestRejectionsAreFoundInTheLog(t *testing.T) {
	t.Parallel()
	b := newBench(t, beforeStages, nil)
	delete(b.repo.users, 2)
	b.send("a")
	b.collect(func(all map[string]*seen) bool { return all["a"] != nil && all["a"].rejected > 0 })
	b.end()
	defer b.start(nil) // the bench ends it
	lines := b.logs.FilterMessage("a message was rejected").All()
	if assert.NotEmpty(t, lines) {
		assert.Equal(t, zap.DebugLevel, lines[0].Level)
		said := lines[0].ContextMap()
		assert.NotEmpty(t, said["why"])
		delete(said, "why")
		assert.Equal(t, map[string]any{
			"user_id": int64(1), "request_id": "conn", "conversation": string(contracts.SingleConversation(1, 2)), "temp_message_id": "a", "code": "not_found",
			"trace_id": "0af7651916cd43dd8448eb211c80319c",
		}, said)
	}
}
