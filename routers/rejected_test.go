package routers

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/infra/mq"
)

// The reason of a rejection is in the log, found by its trace and by its tempMessageId, without the message's
// content.
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

// TestRejectionsBesideFillers: fillers have no record in the run, so the logged trace must be that of the
// rejected message's record.
func TestRejectionsBesideFillers(t *testing.T) {
	t.Parallel()
	core, lines := observer.New(zap.DebugLevel)
	rejected := &handlers.Item{Upstream: &pb.Upstream{SenderId: 1, TempMessageId: "no"}}
	require.NoError(t, rejected.Reject(contracts.NewError(contracts.CodeNotFound, "")))
	open := &handlers.Item{Upstream: &pb.Upstream{SenderId: 1, TempMessageId: "yes"}}
	filler := handlers.NewFiller(&pb.Message{MessageId: 1}, &pb.Membership{})
	var run []*message.Message
	for _, trace := range []string{"first", "second"} {
		m := message.NewMessage(trace, nil)
		m.Metadata[contracts.MetaTraceID] = trace
		run = append(run, m)
	}
	msg := message.NewMessage("run", nil)
	env := &handlers.Envelope{Items: []*handlers.Item{filler, open, filler, rejected}}
	msg.SetContext(context.WithValue(mq.WithRun(t.Context(), run...), carrierKey{}, &carrier{msg: msg, env: env}))
	_, err := noteRejected(zap.New(core))(func(*message.Message) ([]*message.Message, error) { return nil, nil })(msg)
	require.NoError(t, err)
	require.Equal(t, 1, lines.Len())
	assert.Equal(t, "second", lines.All()[0].ContextMap()["trace_id"])
}
