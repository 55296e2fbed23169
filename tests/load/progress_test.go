package load

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/client"
)

// TestProgressIsToldAndBounded: a long run has at most mostPoints points, and writes lines of progress.
func TestProgressIsToldAndBounded(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{300 * time.Millisecond, 20 * time.Second, 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var b strings.Builder
			told, n, begin := &teller{to: &b}, atomic.Int64{}, time.Now()
			series, err := told.watch(t.Context(), watched{d: d}, []counter{{"stored", func() int64 { return int64(time.Since(begin) / time.Microsecond) }}, {"delivered", n.Load}})
			require.NoError(t, err)
			require.Len(t, series, 2)
			assert.LessOrEqual(t, len(series[0].Points), mostPoints, d)
			assert.GreaterOrEqual(t, len(series[0].Points), 2, d)
			for _, p := range series[0].Points {
				assert.InDelta(t, 1e6, p.PerSecond, 20, "%s, at %v", d, p.Seconds)
			}
			assert.Equal(t, d > tellEvery, strings.Contains(b.String(), "1000000 stored a second, 0 delivered a second"), d)
			assert.LessOrEqual(t, strings.Count(b.String(), "\n"), int(d/tellEvery)+1)
		})
	}
}

func TestWatchingEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(gone)
		}()
		_, err := (&teller{to: &strings.Builder{}}).watch(ctx, watched{d: time.Hour}, nil)
		assert.ErrorIs(t, err, gone)

		begin := time.Now()
		_, err = (&teller{to: &strings.Builder{}}).watch(t.Context(), watched{d: time.Hour, every: time.Second, until: func() bool { return time.Since(begin) >= 5*time.Second }}, nil)
		require.NoError(t, err)
		assert.Equal(t, 5*time.Second, time.Since(begin))
	})
}

// TestCurvesEndWhereValuesDo: a curve has no percentile above which there is no value: ten values have no 99th.
func TestCurvesEndWhereValuesDo(t *testing.T) {
	t.Parallel()
	for count, highest := range map[int]float64{1: 0, 10: 90, 100: 99, 100_000: 99.999} {
		h := newHistogram()
		for i := range count {
			h.record(time.Duration(i+1) * 10 * time.Microsecond)
		}
		l := h.latency()
		assert.Equal(t, highest, l.Curve[len(l.Curve)-1].Percent, "of %d", count)
		assert.Equal(t, int64(count), l.Count)
		for i := 1; i < len(l.Curve); i++ {
			assert.GreaterOrEqual(t, l.Curve[i].Millis, l.Curve[i-1].Millis)
		}
		h.reset()
		assert.Zero(t, h.latency(), "nothing is left for the next run")
	}
}

// TestWhoComesAgain: temporary refusals and errors of the connection are repeated, final refusals are not.
func TestWhoComesAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		after time.Duration
		again bool
	}{
		{&refusal{status: http.StatusTooManyRequests, after: 3 * time.Second}, 3 * time.Second, true},
		{&refusal{status: http.StatusServiceUnavailable}, comeAgain, true},
		{&refusal{status: http.StatusUnauthorized}, comeAgain, false},
		{&client.Error{Status: http.StatusTooManyRequests, RetryAfter: 2 * time.Second}, 2 * time.Second, true},
		{&client.Error{Status: http.StatusForbidden}, comeAgain, false},
		{errors.New("connection reset"), comeAgain, true},
		{ErrWrong, 0, false},
	} {
		after, again := later(c.err)
		assert.Equal(t, []any{c.after, c.again}, []any{after, again}, "%v", c.err)
	}
}

// TestSourcesAreOfLoopback: a local address is chosen only for a server on loopback.
func TestSourcesAreOfLoopback(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://127.0.0.1:8080": "127.0.1.1", "https://chat.example.com": "<nil>", "http://192.0.2.1:80": "<nil>", "http://[::1]:80": "<nil>",
	} {
		assert.Equal(t, want, source(client.New(url), 254).String(), url)
	}
	assert.Nil(t, addressOf(nil))
}
