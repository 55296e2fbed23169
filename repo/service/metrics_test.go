package service_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/cache"
)

func TestMetricsCount(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 3)
	for range 2 {
		_, err := f.GetUser(t.Context(), &pb.GetUserRequest{UserId: 1})
		require.NoError(t, err)
		_, err = f.History(t.Context(), &pb.HistoryRequest{ConversationId: "group_9", Limit: 3})
		require.NoError(t, err)
	}
	out, err := f.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: []*pb.Message{
		{MessageId: 7, ConversationId: "group_9", SenderId: 1, TempMessageId: "1"}, {MessageId: 8, ConversationId: "group_9", SenderId: 4, TempMessageId: "1"},
	}})
	require.NoError(t, err)
	require.Len(t, out.GetResults(), 2)
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(f.metrics))
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	assert.Equal(t, map[string]float64{
		"gochat_repo_cache_total hot_messages hit": 2, "gochat_repo_cache_total hot_messages miss": 0,
		"gochat_repo_cache_total users hit": 1, "gochat_repo_cache_total users miss": 1,
		"gochat_repo_cache_total hot_messages old": 0, "gochat_repo_cache_total dedup hit": 0, "gochat_repo_cache_total dedup miss": 0,
		"gochat_repo_cache_total tokens hit": 0, "gochat_repo_cache_total tokens miss": 0,
		"gochat_repo_cache_total devices hit": 0, "gochat_repo_cache_total devices miss": 0,
		"gochat_repo_messages_total stored": 3, "gochat_repo_messages_total duplicate": 1, "gochat_repo_messages_total refused": 1,
		"gochat_repo_save_seconds": 4, "gochat_repo_transaction_messages": 4,
	}, got)
}

// TestOldHistoryIsNoMiss of the cache, which keeps the newest only.
func TestOldHistoryIsNoMiss(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.group(t, 0)
	many := make([]*pb.Message, cache.HotMessages+2)
	for i := range many {
		many[i] = &pb.Message{MessageId: int64(i + 1), ConversationId: "group_9", SenderId: 1, TempMessageId: fmt.Sprint(i)}
	}
	_, err := f.SaveMessages(t.Context(), &pb.SaveMessagesRequest{Messages: many})
	require.NoError(t, err)
	page := func(before uint64) {
		_, err := f.History(t.Context(), &pb.HistoryRequest{ConversationId: "group_9", BeforeSeq: before, Limit: 2})
		require.NoError(t, err)
	}
	page(uint64(len(many)))
	page(3)
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(f.metrics))
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == "gochat_repo_cache_total" && l.GetName() == "outcome" {
					got[l.GetValue()] += m.GetCounter().GetValue()
				}
			}
		}
	}
	assert.Equal(t, map[string]float64{"hit": 1, "miss": 0, "old": 1}, got)
}
