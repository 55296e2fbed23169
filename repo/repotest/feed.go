package repotest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// longAgo is a time before any hook of these tests begins.
func longAgo() int64 { return time.Now().Add(-time.Hour).UnixMilli() }

func (c *clients) hook(t *testing.T, fromStart bool) string {
	t.Helper()
	name := fmt.Sprint("h", nextID())
	for range 2 {
		_, err := c.BeginHooks(t.Context(), &pb.BeginHooksRequest{Hooks: []*pb.HookBegin{{Hook: name, FromStart: fromStart}}})
		require.NoError(t, err)
		fromStart = !fromStart // the second time changes nothing
	}
	return name
}

func (c *clients) raise(t *testing.T, hook, conv string, seq uint64) {
	t.Helper()
	_, err := c.RaiseNews(t.Context(), &pb.RaiseNewsRequest{Hooks: []string{hook}, News: []*pb.News{{ConversationId: conv, SeqId: seq}}})
	require.NoError(t, err)
}

func (c *clients) take(t *testing.T, hook string, lease time.Duration, settled ...*pb.NewsSettled) []*pb.NewsTaken {
	t.Helper()
	out, err := c.TakeNews(t.Context(), &pb.TakeNewsRequest{Hook: hook, Limit: 10, LeaseMs: lease.Milliseconds(), Settled: settled})
	require.NoError(t, err)
	return out.GetTaken()
}

// lone takes what must be exactly one conversation.
func (c *clients) lone(t *testing.T, hook string, settled ...*pb.NewsSettled) *pb.NewsTaken {
	t.Helper()
	got := c.take(t, hook, time.Minute, settled...)
	require.Len(t, got, 1)
	return got[0]
}

func (c *clients) stat(t *testing.T, hook string) *pb.HookStat {
	t.Helper()
	out, err := c.HookStats(t.Context(), &pb.HookStatsRequest{})
	require.NoError(t, err)
	for _, h := range out.GetHooks() {
		if h.GetHook() == hook {
			return h
		}
	}
	require.Fail(t, "no such hook")
	return nil
}

func settle(taken *pb.NewsTaken, seq uint64, tries int32, retry time.Duration) *pb.NewsSettled {
	return &pb.NewsSettled{ConversationId: taken.GetConversationId(), Claim: taken.GetClaim(), SeqId: seq, Tries: tries, RetryInMs: retry.Milliseconds()}
}

// filled returns a new single chat with n messages of the time at.
func (c *clients) filled(t *testing.T, n int, at int64) string {
	t.Helper()
	conv, a, _ := c.single(t)
	for i := range n {
		m := message(conv, a, fmt.Sprint("f", i))
		m.Timestamp = at
		c.save(t, m)
	}
	return conv
}

func hookTakes(t *testing.T, c *clients) {
	hook, conv := c.hook(t, true), c.filled(t, 5, longAgo())
	assert.Empty(t, c.take(t, hook, time.Minute), "nobody has told of any")
	c.raise(t, hook, conv, 3)
	one := c.lone(t, hook)
	assert.EqualValues(t, 0, one.GetSeqId())
	assert.EqualValues(t, 3, one.GetNewsSeqId())
	assert.Empty(t, c.take(t, hook, time.Minute), "it is taken")
	c.raise(t, hook, conv, 5)
	assert.Empty(t, c.take(t, hook, time.Minute), "news give it to nobody else")

	two := c.lone(t, hook, settle(one, 3, 0, 0))
	assert.EqualValues(t, 3, two.GetSeqId())
	assert.EqualValues(t, 5, two.GetNewsSeqId(), "what came meanwhile is due at once")
	late, err := c.TakeNews(t.Context(), &pb.TakeNewsRequest{Hook: hook, Settled: []*pb.NewsSettled{settle(one, 1, 0, 0)}})
	require.NoError(t, err)
	assert.EqualValues(t, 1, late.GetLost(), "who settles twice moves nothing")

	assert.Empty(t, c.take(t, hook, time.Minute, settle(two, 3, 1, time.Hour)), "it waits after a failure")
	stat := c.stat(t, hook)
	assert.EqualValues(t, 1, stat.GetConversations())
	assert.EqualValues(t, 2, stat.GetMessages())
	assert.InDelta(t, time.Now().UnixMilli(), stat.GetWaitingSince(), 60_000)
	_, err = c.HurryHook(t.Context(), &pb.HurryHookRequest{Hook: hook})
	require.NoError(t, err)
	three := c.lone(t, hook)
	assert.EqualValues(t, 1, three.GetTries())
	assert.EqualValues(t, 3, three.GetSeqId())
	_, err = c.HurryHook(t.Context(), &pb.HurryHookRequest{Hook: hook})
	require.NoError(t, err)
	assert.Empty(t, c.take(t, hook, time.Minute), "hurry takes nothing from anybody")

	note := &pb.TakeNewsRequest{Hook: hook, Settled: []*pb.NewsSettled{settle(three, 5, 0, 0)}, Note: &pb.HookNote{Error: "503"}}
	_, err = c.TakeNews(t.Context(), note)
	require.NoError(t, err)
	c.raise(t, hook, conv, 5)
	assert.Empty(t, c.take(t, hook, time.Minute), "an event that comes twice is no news")
	stat = c.stat(t, hook)
	assert.Zero(t, stat.GetConversations())
	assert.Zero(t, stat.GetMessages())
	assert.Zero(t, stat.GetWaitingSince())
	assert.Equal(t, "503", stat.GetError())
	assert.NotZero(t, stat.GetErrorAt())
	assert.Zero(t, stat.GetTakenAt())
	_, err = c.TakeNews(t.Context(), &pb.TakeNewsRequest{Hook: hook, Note: &pb.HookNote{}})
	require.NoError(t, err)
	stat = c.stat(t, hook)
	assert.Equal(t, "503", stat.GetError(), "a success does not hide it")
	assert.NotZero(t, stat.GetTakenAt())
	for _, bad := range []*pb.TakeNewsRequest{{Hook: hook, Limit: 1}, {Hook: hook, Limit: 1001, LeaseMs: 1}, {Hook: hook, Limit: -1}} {
		_, err = c.TakeNews(t.Context(), bad)
		assert.Equal(t, contracts.CodeInvalidArgument, code(err))
	}
}

func hookBegins(t *testing.T, c *clients) {
	conv, a, _ := c.single(t)
	for i := range 40 {
		m := message(conv, a, fmt.Sprint("b", i))
		m.Timestamp = longAgo() + int64(i)
		c.save(t, m)
	}
	now, all := c.hook(t, false), c.hook(t, true)
	c.raise(t, now, conv, 40)
	assert.Empty(t, c.take(t, now, time.Minute), "all of it was there before")
	c.raise(t, all, conv, 40)
	assert.EqualValues(t, 0, c.lone(t, all).GetSeqId())
	c.save(t, message(conv, a, "new"))
	fresh := c.filled(t, 2, time.Now().UnixMilli())
	c.raise(t, now, conv, 41)
	c.raise(t, now, fresh, 2)
	got := map[string]uint64{}
	for _, one := range c.take(t, now, time.Minute) {
		got[one.GetConversationId()] = one.GetSeqId()
	}
	assert.Equal(t, map[string]uint64{conv: 40, fresh: 0}, got, "a conversation that is new is told from its first message on")
}

// hookSharers: nobody can take a conversation that another process has taken, until its lease is over.
func hookSharers(t *testing.T, c *clients) {
	const conversations = 30
	hook := c.hook(t, true)
	for i := range conversations {
		c.raise(t, hook, fmt.Sprintf("single_%016x", nextID()+int64(i)), 1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]int{}
	for range 6 {
		wg.Go(func() {
			for range 10 {
				out, err := c.TakeNews(t.Context(), &pb.TakeNewsRequest{Hook: hook, Limit: 4, LeaseMs: 60_000})
				if !assert.NoError(t, err) {
					return
				}
				mu.Lock()
				for _, one := range out.GetTaken() {
					seen[one.GetConversationId()]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	assert.Len(t, seen, conversations)
	for conv, n := range seen {
		assert.Equal(t, 1, n, conv)
	}

	conv := c.filled(t, 1, longAgo())
	c.raise(t, hook, conv, 1)
	first := c.take(t, hook, 20*time.Millisecond)
	require.Len(t, first, 1)
	var second []*pb.NewsTaken
	require.Eventually(t, func() bool {
		second = c.take(t, hook, time.Minute)
		return len(second) == 1
	}, 5*time.Second, 5*time.Millisecond, "the lease is over")
	out, err := c.TakeNews(t.Context(), &pb.TakeNewsRequest{Hook: hook, Settled: []*pb.NewsSettled{settle(first[0], 1, 0, 0)}})
	require.NoError(t, err)
	assert.EqualValues(t, 1, out.GetLost(), "the first one is too late")
	assert.Empty(t, c.take(t, hook, time.Minute, settle(second[0], 1, 0, 0)))
}

func hookScans(t *testing.T, c *clients) {
	old := c.filled(t, 2, longAgo())
	now, all := c.hook(t, false), c.hook(t, true)
	fresh := c.filled(t, 3, time.Now().UnixMilli())
	known := c.filled(t, 4, time.Now().UnixMilli())
	c.raise(t, now, known, 4)
	scan := func() (raised int32) {
		for after, pages := "", 0; pages == 0 || after != ""; pages++ {
			got, err := c.ScanNews(t.Context(), &pb.ScanNewsRequest{Hooks: []string{now, all}, AfterConversationId: after, Limit: 7})
			require.NoError(t, err)
			raised += got.GetRaised()
			after = got.GetNextConversationId()
		}
		return raised
	}
	assert.GreaterOrEqual(t, scan(), int32(3))
	takeAll := func(hook string) map[string]uint64 {
		out := map[string]uint64{}
		for {
			got, err := c.TakeNews(t.Context(), &pb.TakeNewsRequest{Hook: hook, Limit: 1000, LeaseMs: 60_000})
			require.NoError(t, err)
			if len(got.GetTaken()) == 0 {
				return out
			}
			for _, one := range got.GetTaken() {
				out[one.GetConversationId()] = one.GetNewsSeqId()
			}
		}
	}
	got := takeAll(now)
	assert.NotContains(t, got, old)
	assert.EqualValues(t, 3, got[fresh])
	assert.EqualValues(t, 4, got[known])
	got = takeAll(all)
	assert.EqualValues(t, 2, got[old])
	assert.EqualValues(t, 3, got[fresh])
	_, err := c.ScanNews(t.Context(), &pb.ScanNewsRequest{Limit: 0})
	assert.Equal(t, contracts.CodeInvalidArgument, code(err))
}
