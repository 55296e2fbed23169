package load

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// saying returns an account at a server that gives the same answer to every call.
func saying(t *testing.T, answers ...string) *client.Account {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, answers[min(int(n.Add(1)), len(answers))-1])
	}))
	t.Cleanup(s.Close)
	return &client.Account{Server: client.New(s.URL), Token: "t"}
}

// messages returns messages with consecutive numbers as JSON.
func messages(from, to int, leaveOut ...int) string {
	var all []string
	for n := from; n <= to; n++ {
		if len(leaveOut) == 0 || n != leaveOut[0] {
			all = append(all, fmt.Sprintf(`{"seqId":%d,"messageType":"text","tempMessageId":"n%d"}`, n, n))
		}
	}
	return "[" + strings.Join(all, ",") + "]"
}

// TestPagesAreHeldToTheirNumbers: a page with wrong numbers is an error.
func TestPagesAreHeldToTheirNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		ok           bool
	}{
		{"whole", `{"messages":` + messages(951, 1000) + `}`, true},
		{"with a hole", `{"messages":` + messages(950, 1000, 960) + `}`, false},
		{"too short", `{"messages":` + messages(952, 1000) + `}`, false},
		{"another page", `{"messages":` + messages(901, 950) + `}`, false},
		{"empty", `{"messages":[]}`, false},
	} {
		l := &library{readers: []*client.Account{saying(t, c.answer)}, last: 1000, head: newHistogram(), depth: newHistogram()}
		l.callers.n = 1
		err := l.page(t.Context(), 0, 0)
		if c.ok {
			assert.NoError(t, err, c.name)
		} else {
			assert.ErrorIs(t, err, ErrWrong, c.name)
		}
	}
}

// TestDeepPagesAreInTheOlderHalf: for every caller and every k.
func TestDeepPagesAreInTheOlderHalf(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before, err := strconv.Atoi(r.URL.Query().Get("beforeSeq"))
		assert.NoError(t, err)
		asked.Store(int64(before))
		_, _ = fmt.Fprintf(w, `{"messages":%s}`, messages(before-pageSize, before-1))
	}))
	t.Cleanup(s.Close)
	l := &library{readers: []*client.Account{{Server: client.New(s.URL)}}, last: 200, head: newHistogram(), depth: newHistogram()}
	l.callers.n = 1
	seen := map[int64]bool{}
	for k := 1; k < 100; k += 2 {
		require.NoError(t, l.page(t.Context(), k%7, k))
		before := asked.Load()
		assert.True(t, before > pageSize+joined && before <= 101, "before %d", before)
		seen[before] = true
	}
	assert.Greater(t, len(seen), 10, "not one page again and again")
}

// TestSyncsMustBringEverything: a sync is an error unless its calls together bring every missed message.
func TestSyncsMustBringEverything(t *testing.T) {
	t.Parallel()
	conversation := func(id string, from, to int) string {
		return fmt.Sprintf(`{"conversationId":%q,"messages":%s}`, id, messages(from, to))
	}
	answer := func(more bool, list ...string) string {
		return fmt.Sprintf(`{"more":%v,"conversations":[%s]}`, more, strings.Join(list, ","))
	}
	for _, c := range []struct {
		name    string
		answers []string
		ok      bool
		calls   int64
	}{
		{"at once", []string{answer(false, conversation("a", 3, 5), conversation("b", 3, 5))}, true, 1},
		{"in two calls", []string{answer(true, conversation("a", 3, 5)), answer(false, conversation("b", 3, 5))}, true, 2},
		{"with the world", []string{answer(false, conversation("a", 3, 5), conversation("b", 3, 5), conversation(world, 8, 9))}, true, 1},
		{"a conversation is missing", []string{answer(false, conversation("a", 3, 5))}, false, 0},
		{"a message is missing", []string{answer(false, conversation("a", 3, 5), conversation("b", 4, 5))}, false, 0},
		{"news without news", []string{answer(false, conversation("a", 3, 5), conversation("b", 5, 4))}, false, 0},
		{"more of nothing", []string{answer(true)}, false, 0},
	} {
		a := &absence{
			readers: []*client.Account{saying(t, c.answers...)}, known: map[string]uint64{world: 7, "a": 2, "b": 2},
			call: newHistogram(), whole: newHistogram(),
		}
		a.callers.measuring.Store(true)
		err := a.sync(t.Context(), 0, 0)
		if !c.ok {
			assert.ErrorIs(t, err, ErrWrong, c.name)
			continue
		}
		assert.NoError(t, err, c.name)
		assert.Equal(t, []int64{c.calls, 1}, []int64{a.call.latency().Count, a.whole.latency().Count}, c.name)
	}
}

// TestHistoriesAreJudged: the checks of a pair's history, and of a room that had messages before the test.
func TestHistoriesAreJudged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		stored       int64
		ok           bool
	}{
		{"whole", messages(1, 5), 5, true},
		{"with what was not heard of", messages(1, 5), 4, true},
		{"one is lost", messages(1, 5), 6, false},
		{"with a hole", messages(1, 6, 3), 5, false},
		{"from the middle on", messages(2, 6), 5, false},
	} {
		account := saying(t, `{"messages":`+c.answer+`}`)
		p := &pair{receiver: account, peers: make([]*pair, 1)}
		p.storedFirst.Store(c.stored)
		r := &room{members: []*member{{account: account}}}
		r.stored.Store(c.stored)
		runs := []*Report{{}}
		ofPair := (&fleet{pairs: []*pair{p}}).check(t.Context(), runs)
		n, ofRoom := r.check(t.Context())
		if !c.ok {
			assert.ErrorIs(t, ofPair, ErrWrong, c.name)
			assert.ErrorIs(t, ofRoom, ErrWrong, c.name)
			continue
		}
		assert.NoError(t, ofPair, c.name)
		assert.NoError(t, ofRoom, c.name)
		assert.Equal(t, []int{5, 5, 1}, []int{n, runs[0].CheckedMessages, runs[0].CheckedPairs}, c.name)
	}
	later := &room{members: []*member{{account: saying(t, `{"messages":`+messages(41, 45)+`}`)}}, conversation: world, before: 40}
	n, err := later.check(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 5, n)
}

// TestDevicesInsist: a device repeats and counts attempts that fail for now, does not repeat a final refusal, and stops
// when ctx is done.
func TestDevicesInsist(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, tries, begin := &device{crowd: &crowd{}, n: 7}, 0, time.Now()
		require.NoError(t, d.insist(t.Context(), func(context.Context) error {
			if tries++; tries < 3 {
				return &refusal{status: http.StatusTooManyRequests, after: 2 * time.Second}
			}
			return nil
		}))
		assert.Equal(t, []int64{3, 2}, []int64{int64(tries), d.crowd.turnedOff.Load()})
		assert.Equal(t, 2*(2*time.Second+7*time.Millisecond), time.Since(begin))
		forbidden := &refusal{status: http.StatusUnauthorized}
		assert.ErrorIs(t, d.insist(t.Context(), func(context.Context) error { return forbidden }), forbidden)
		over, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := d.insist(over, func(context.Context) error { return &refusal{status: http.StatusServiceUnavailable} })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "503", "the last answer is told")
	})
}
