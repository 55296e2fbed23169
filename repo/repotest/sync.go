package repotest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// syncing asks for more conversations than one read of the database holds, from a full
// cache, from one that has some of them and from an empty one.
func syncing(t *testing.T, c *clients) {
	const chats, each = 110, 3
	me := c.user(t)
	ids := make([]string, chats)
	for i := range ids {
		peer := c.user(t)
		made, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: me, PeerId: peer})
		require.NoError(t, err)
		ids[i] = made.GetConversationId()
		run := make([]*pb.Message, each)
		for n := range run {
			run[n] = message(ids[i], peer, fmt.Sprint("s", n))
		}
		c.save(t, run...)
	}
	look := func(what string) {
		have := map[string]uint64{ids[0]: each, ids[1]: 1}
		got, err := c.Sync(t.Context(), &pb.SyncRequest{UserId: me, Limit: 2, Have: have})
		require.NoError(t, err, what)
		assert.False(t, got.GetMore(), what)
		seen := map[string][]uint64{}
		for _, one := range got.GetConversations() {
			for _, m := range one.GetMessages() {
				assert.Equal(t, one.GetConversationId(), m.GetConversationId())
				assert.Equal(t, fmt.Sprint("hello s", m.GetSeqId()-1), m.GetContent())
				seen[one.GetConversationId()] = append(seen[one.GetConversationId()], m.GetSeqId())
			}
			assert.EqualValues(t, each, one.GetLastSeq())
			assert.Equal(t, one.GetConversationId() != ids[1], one.GetHasMore(), what)
		}
		want := map[string][]uint64{ids[1]: {2, 3}}
		for _, id := range ids[2:] {
			want[id] = []uint64{1, 2}
		}
		assert.Equal(t, want, seen, what)
	}
	look("hot")
	require.NoError(t, c.flush(t.Context()))
	look("cold")
	for _, id := range ids[:50] {
		_, err := c.History(t.Context(), &pb.HistoryRequest{ConversationId: id, Limit: each})
		require.NoError(t, err)
	}
	look("half")
}

// syncingAhead: a client that has numbers which the store lacks, after an older backup was restored, is
// told to take the conversation anew; with another epoch, all conversations that it names.
func syncingAhead(t *testing.T, c *clients) {
	const each = 5
	conv, me, peer := c.single(t)
	quiet, err := c.EnsureSingle(t.Context(), &pb.EnsureSingleRequest{UserId: me, PeerId: c.user(t)})
	require.NoError(t, err)
	empty := quiet.GetConversationId()
	for i := range each {
		c.save(t, message(conv, peer, fmt.Sprint("a", i)))
	}
	now, err := c.GetEpoch(t.Context(), &pb.GetEpochRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, now.GetEpoch())

	type answer struct {
		reset, more bool
		seqs        []uint64
	}
	for name, test := range map[string]struct {
		have  map[string]uint64
		epoch string
		want  map[string]answer
	}{
		"up to date":             {map[string]uint64{conv: each, empty: 0}, "", map[string]answer{}},
		"up to date, by epoch":   {map[string]uint64{conv: each, empty: 0}, now.GetEpoch(), map[string]answer{}},
		"behind":                 {map[string]uint64{conv: each - 1}, now.GetEpoch(), map[string]answer{conv: {seqs: []uint64{5}}}},
		"ahead":                  {map[string]uint64{conv: each + 1}, "", map[string]answer{conv: {reset: true, more: true, seqs: []uint64{3, 4, 5}}}},
		"ahead with this epoch":  {map[string]uint64{conv: each + 1}, now.GetEpoch(), map[string]answer{conv: {reset: true, more: true, seqs: []uint64{3, 4, 5}}}},
		"ahead of what is empty": {map[string]uint64{conv: each, empty: 1}, "", map[string]answer{empty: {reset: true}}},
		"another epoch": {map[string]uint64{conv: each - 1, empty: 0}, "another", map[string]answer{
			conv: {reset: true, more: true, seqs: []uint64{3, 4, 5}}, empty: {reset: true}}},
		"another epoch, nothing named": {map[string]uint64{}, "another", map[string]answer{conv: {more: true, seqs: []uint64{1, 2, 3}}}},
		"not a member":                 {map[string]uint64{conv: each, "group_1": 99}, "", map[string]answer{}},
	} {
		got, err := c.Sync(t.Context(), &pb.SyncRequest{UserId: me, Limit: 3, Have: test.have, Epoch: test.epoch})
		require.NoError(t, err, name)
		assert.Equal(t, now.GetEpoch(), got.GetEpoch(), name)
		said := map[string]answer{}
		for _, one := range got.GetConversations() {
			a := answer{reset: one.GetReset_(), more: one.GetHasMore()}
			for _, m := range one.GetMessages() {
				a.seqs = append(a.seqs, m.GetSeqId())
			}
			said[one.GetConversationId()] = a
		}
		assert.Equal(t, test.want, said, name)
		assert.False(t, got.GetMore(), name)
	}
}
