package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestTypingOnceASecond(t *testing.T) {
	var all typists
	now := time.Now()
	require.True(t, all.allow(1, "world", now))
	require.False(t, all.allow(1, "world", now.Add(typingInterval-1)), "whatever socket it comes from")
	require.True(t, all.allow(2, "world", now), "another one")
	require.True(t, all.allow(1, "group_1", now), "elsewhere")
	require.True(t, all.allow(1, "world", now.Add(typingInterval)))
	all.undo(1, "world")
	all.undo(1, "world")
	require.True(t, all.allow(1, "world", now.Add(typingInterval)), "what was refused takes no place")
	require.Equal(t, 3, all.count)
}

func TestTypistsAreBounded(t *testing.T) {
	var all typists
	now := time.Now()
	for i := range int64(maxTypists) {
		require.True(t, all.allow(i, "world", now))
	}
	require.False(t, all.allow(-1, "world", now))
	require.True(t, all.allow(-1, "world", now.Add(typingInterval)), "those from before are forgotten")
	require.Len(t, all.at, 1)
	require.Equal(t, 1, all.count)
}

// TestOneTypistHasAShare: who types everywhere silences nobody else.
func TestOneTypistHasAShare(t *testing.T) {
	var all typists
	now := time.Now()
	taken := 0
	for i := range 2 * maxTypists {
		if all.allow(1, fmt.Sprint("group_", i), now) {
			taken++
		}
	}
	require.Equal(t, typistShare, taken)
	require.True(t, all.allow(2, "world", now))
	require.True(t, all.allow(1, "world", now.Add(typingInterval)))
}

// TestTypingThatIsRefusedTakesNoPlace.
func TestTypingThatIsRefusedTakesNoPlace(t *testing.T) {
	h := start(t)
	h.logic.mu.Lock()
	h.logic.onCall = func(req any) error {
		if in, ok := req.(*pb.TypingRequest); ok && in.GetConversationId() != "world" {
			return contracts.NewError(contracts.CodeNotFound, "").GRPCStatus().Err()
		}
		return nil
	}
	h.logic.mu.Unlock()
	c := h.dial("7:a", "")
	for i := range 3 * typistShare {
		c.write(fmt.Sprintf(`{"type":"typing","data":{"conversationId":"group_%d"}}`, 1+i))
		c.expect(contracts.FrameError, nil)
	}
	c.write(`{"type":"typing","data":{"conversationId":"world"}}`)
	require.Empty(t, c.barrier())
	in, _ := last[*pb.TypingRequest](h.logic)
	require.Equal(t, "world", in.GetConversationId())
}
