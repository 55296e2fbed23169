package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// receive says that a user has received the first message of conversations, and returns how
// many of them there was a place for.
func (h *harness) receive(user int64, conversation string, n int) (taken int) {
	for i := range n {
		key := deliveredKey{user, fmt.Sprint(conversation, i)}
		if _, ok := h.gw.receipts.add(key, &pb.DeliveredTo{UserId: user, ConversationId: key.conv, SeqId: 1}); ok {
			taken++
		}
	}
	return taken
}

// TestOneUserHasAShareOfReceipts: receipts of one user, however many, leave places for those of others.
func TestOneUserHasAShareOfReceipts(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.ReceiptInterval = time.Hour })
	for range 2 * gatherShare / gatherUnsure {
		for i := range 2 * gatherShare {
			h.gw.receipts.add(deliveredKey{1, fmt.Sprint("group_", i)}, &pb.DeliveredTo{UserId: 1, ConversationId: fmt.Sprint("group_", i), SeqId: 1})
		}
		require.True(t, h.gw.receipts.flush()) // now more of them are known
	}
	require.Equal(t, gatherShare, h.receive(1, "group_", 2*gatherShare))
	_, ok := h.gw.receipts.add(deliveredKey{2, "world"}, &pb.DeliveredTo{UserId: 2, ConversationId: "world", SeqId: 1})
	require.True(t, ok)
}

// TestMadeUpReceiptsTakeNoPlaces of those who are in their conversations, however many users
// make them up.
func TestMadeUpReceiptsTakeNoPlaces(t *testing.T) {
	h := start(t, func(c *Config, _ *Deps) { c.ReceiptInterval = time.Hour })
	require.Equal(t, 1, h.receive(1, "group_", 1))
	require.True(t, h.gw.receipts.flush())
	require.Equal(t, gatherUnsure, h.receive(2, "group_no", 2*gatherUnsure))
	require.True(t, h.gw.receipts.flush())
	require.Equal(t, gatherUnsure, h.receive(2, "group_no", 2*gatherUnsure), "they were refused")
	for user := range int64(gatherMost/gatherUnsure + 1) {
		h.receive(3+user, "group_no", gatherUnsure)
	}
	require.Zero(t, h.receive(1<<20, "group_no", 1), "there is no room for more")
	require.Len(t, h.gw.receipts.waiting, gatherMost)
	require.Equal(t, 1, h.receive(1, "group_", 1))
	_, ok := h.gw.receipts.add(deliveredKey{2, "world"}, &pb.DeliveredTo{UserId: 2, ConversationId: "world", SeqId: 1})
	require.True(t, ok, "everybody is in it")
}
