package contracts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// TestContentFitsTheQueue: the largest content that is let through makes a frame that the queue
// takes, however badly it is encoded; one that might not is refused at the start.
func TestContentFitsTheQueue(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	l := DefaultLimits()
	require.NoError(t, l.CheckRecords(most))
	for l.CheckRecords(most) == nil {
		l.ContentMax += 1 << 10
	}
	require.ErrorContains(t, l.CheckRecords(most), "limits.content_max")
	l.ContentMax -= 1 << 10
	require.Greater(t, l.ContentMax, 64<<10, "there is room for more than the default")
	m := &pb.Message{
		ConversationId: "group_1", MessageType: TypeSystem, TempMessageId: strings.Repeat("x", l.TempMessageID),
		Content: ChangeContent(&pb.Change{Kind: pb.Change_KIND_EDIT, SeqId: 1, Content: strings.Repeat("\x01", l.ContentMax)}),
	}
	for range l.Mentions {
		m.Mentions = append(m.Mentions, 1<<62)
	}
	for range reactionsMost {
		m.Reactions = append(m.Reactions, &pb.Reaction{Reaction: strings.Repeat("<", l.ReactionMax), UserIds: []int64{1 << 62}})
	}
	assert.Less(t, len(EncodeFrame(FrameNew, NewMessageData(m))), most-(96<<10))

	l = DefaultLimits()
	l.GroupAddMax = 1 << 20
	require.ErrorContains(t, l.CheckRecords(most), "limits.group_add_max")
}
