package repotest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// bucket holds six tokens and gets one back in an hour.
func bucket(key string, tokens int64) *pb.Bucket {
	return &pb.Bucket{Key: key, Burst: 6, Rate: 1, PeriodMs: time.Hour.Milliseconds(), Tokens: tokens}
}

func limits(t *testing.T, c *clients) {
	one, two := fmt.Sprint("limit", nextID()), fmt.Sprint("limit", nextID())
	take := func(in ...*pb.Bucket) *pb.TakeTokensResponse {
		out, err := c.TakeTokens(t.Context(), &pb.TakeTokensRequest{Buckets: in})
		require.NoError(t, err)
		return out
	}
	atMost := bucket(one, 9)
	atMost.AtMost = true
	assert.Equal(t, []int64{2, 3}, take(bucket(one, 2), bucket(two, 3)).GetTaken())
	refused := take(bucket(one, 1), bucket(two, 4))
	assert.Empty(t, refused.GetTaken(), "from all of them or from none")
	assert.InDelta(t, time.Hour.Milliseconds(), refused.GetWaitMs(), 60_000)
	assert.Equal(t, []int64{4}, take(atMost).GetTaken(), "nothing was taken with the refusal")
	assert.Empty(t, take(atMost).GetTaken())
	_, err := c.ReturnTokens(t.Context(), &pb.ReturnTokensRequest{Buckets: []*pb.Bucket{bucket(one, 1), bucket(two, 99)}})
	require.NoError(t, err)
	assert.Equal(t, []int64{1, 6}, take(atMost, bucket(two, 6)).GetTaken())

	key := fmt.Sprint("limit", nextID())
	var total atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			out, err := c.TakeTokens(t.Context(), &pb.TakeTokensRequest{Buckets: []*pb.Bucket{bucket(key, 1)}})
			if assert.NoError(t, err) {
				total.Add(int64(len(out.GetTaken())))
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 6, total.Load(), "no more than it holds")
}

func marks(t *testing.T, c *clients) {
	one, two := fmt.Sprint("mark", nextID()), fmt.Sprint("mark", nextID())
	set := func() []bool {
		out, err := c.HasMarks(t.Context(), &pb.HasMarksRequest{Keys: []string{one, two}})
		require.NoError(t, err)
		return out.GetSet()
	}
	assert.Equal(t, []bool{false, false}, set())
	for _, ttl := range []time.Duration{time.Hour, 30 * 24 * time.Hour} {
		_, err := c.PutMarks(t.Context(), &pb.PutMarksRequest{Keys: []string{two}, TtlMs: ttl.Milliseconds()})
		require.NoError(t, err)
		assert.Equal(t, []bool{false, true}, set())
	}
	require.NoError(t, c.flush(t.Context()))
	assert.Equal(t, []bool{false, false}, set(), "a cache may forget")
}

func badLimits(t *testing.T, c *clients) {
	for name, change := range map[string]func(*pb.Bucket){
		"no key":             func(b *pb.Bucket) { b.Key = "" },
		"a long key":         func(b *pb.Bucket) { b.Key = strings.Repeat("k", 201) },
		"nothing taken":      func(b *pb.Bucket) { b.Tokens = 0 },
		"less than nothing":  func(b *pb.Bucket) { b.Tokens = -1 },
		"never refilled":     func(b *pb.Bucket) { b.Rate = 0 },
		"holds nothing":      func(b *pb.Bucket) { b.Burst = 0 },
		"holds too much":     func(b *pb.Bucket) { b.Burst = 1 << 40 },
		"no period":          func(b *pb.Bucket) { b.PeriodMs = 0 },
		"period of an age":   func(b *pb.Bucket) { b.PeriodMs = 1 << 50 },
		"faster than a tick": func(b *pb.Bucket) { b.PeriodMs, b.Rate = 1, 2_000_000 },
	} {
		b := bucket("bad", 1)
		change(b)
		_, err := c.TakeTokens(t.Context(), &pb.TakeTokensRequest{Buckets: []*pb.Bucket{b}})
		assert.Equal(t, contracts.CodeInvalidArgument, code(err), name)
		_, err = c.ReturnTokens(t.Context(), &pb.ReturnTokensRequest{Buckets: []*pb.Bucket{b}})
		assert.Equal(t, contracts.CodeInvalidArgument, code(err), name)
	}
	_, err := c.TakeTokens(t.Context(), &pb.TakeTokensRequest{Buckets: make([]*pb.Bucket, 17)})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err))
	_, err = c.PutMarks(t.Context(), &pb.PutMarksRequest{Keys: []string{"k"}})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err), "no time")
	for _, keys := range [][]string{{""}, make([]string, 17)} {
		_, err = c.PutMarks(t.Context(), &pb.PutMarksRequest{Keys: keys, TtlMs: 1})
		assert.Equal(t, contracts.CodeInvalidArgument, code(err))
		_, err = c.HasMarks(t.Context(), &pb.HasMarksRequest{Keys: keys})
		assert.Equal(t, contracts.CodeInvalidArgument, code(err))
	}
}
