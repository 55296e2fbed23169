package repotest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// wrote: who has written in a single chat is known from the first message on, and for ever; a
// change of another's message is none.
func wrote(t *testing.T, c *clients) {
	conv, a, b := c.single(t)
	stranger := c.user(t)
	peers := func(user int64) []int64 {
		t.Helper()
		got, err := c.Wrote(t.Context(), &pb.WroteRequest{UserId: user, PeerIds: []int64{a, b, stranger, user}})
		require.NoError(t, err)
		return got.GetPeerIds()
	}
	assert.Empty(t, peers(a))
	c.save(t, message(conv, a, "w1"))
	assert.Empty(t, peers(a))
	assert.Equal(t, []int64{a}, peers(b))
	c.save(t, change(conv, b, "w2", react(1, "👍")))
	assert.Empty(t, peers(a), "a reaction is no message")
	c.save(t, message(conv, b, "w3"))
	assert.Equal(t, []int64{b}, peers(a))
	c.save(t, change(conv, b, "w4", recall(3)))
	assert.Equal(t, []int64{b}, peers(a), "it was stored")
	assert.Empty(t, peers(stranger))
}
