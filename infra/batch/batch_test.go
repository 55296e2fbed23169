package batch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/batch"
)

// item is the value of a call: its number, and its size.
type item struct{ n, count, bytes int }

// desk works on groups, each for a second, and remembers them.
type desk struct {
	*batch.Batcher[item]
	mu     sync.Mutex
	groups [][]int
	fails  error
}

func newDesk(atOnce int) *desk {
	d := &desk{}
	d.Batcher = batch.New(batch.Config[item]{
		Waiting: 4, Count: 3, Bytes: 100, AtOnce: atOnce, Work: d.work,
		Size: func(i item) (count, bytes int) { return i.count, i.bytes },
	})
	return d
}

func (d *desk) work(group []*batch.Call[item]) {
	var numbers []int
	for _, c := range group {
		numbers = append(numbers, c.Value.n)
	}
	d.mu.Lock()
	d.groups = append(d.groups, numbers)
	err := d.fails
	d.mu.Unlock()
	time.Sleep(time.Second)
	for _, c := range group {
		c.Answer(err)
	}
}

func (d *desk) worked() [][]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.groups)
}

// end stops the desk, which works on what waits.
func (d *desk) end() {
	d.Stop()
	<-d.Done()
}

func submit(t *testing.T, d *desk, items ...item) (calls []*batch.Call[item]) {
	t.Helper()
	for _, i := range items {
		c, err := d.Submit(t.Context(), i)
		require.NoError(t, err)
		calls = append(calls, c)
	}
	return calls
}

// TestGroups: the first call is worked on at once and alone; calls that come meanwhile are the next group, in
// their order and within both bounds; a call that would exceed them begins the group after it.
func TestGroups(t *testing.T) {
	for name, c := range map[string]struct {
		then []item
		want [][]int
	}{
		"all in one":            {[]item{{2, 1, 1}, {3, 1, 1}, {4, 1, 1}}, [][]int{{1}, {2, 3, 4}}},
		"too many":              {[]item{{2, 1, 1}, {3, 1, 1}, {4, 1, 1}, {5, 1, 1}}, [][]int{{1}, {2, 3, 4}, {5}}},
		"a call of many":        {[]item{{2, 1, 1}, {3, 3, 1}, {4, 1, 1}}, [][]int{{1}, {2}, {3}, {4}}},
		"too large":             {[]item{{2, 1, 60}, {3, 1, 41}, {4, 1, 59}}, [][]int{{1}, {2}, {3, 4}}},
		"too large alone":       {[]item{{2, 1, 1000}, {3, 1, 1}}, [][]int{{1}, {2}, {3}}},
		"nothing else has come": {nil, [][]int{{1}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(1)
				begin := time.Now()
				first := submit(t, d, item{1, 1, 1})[0]
				synctest.Wait()
				assert.Equal(t, [][]int{{1}}, d.worked(), "it waits for nobody")
				calls := submit(t, d, c.then...)
				require.NoError(t, first.Wait(t.Context()))
				assert.Equal(t, time.Second, time.Since(begin))
				for _, call := range calls {
					require.NoError(t, call.Wait(t.Context()))
				}
				assert.Equal(t, c.want, d.worked())
				d.end()
			})
		})
	}
}

// TestEachGetsTheAnswer: each call gets the answer of its own group.
func TestEachGetsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		d.fails = errors.New("the disk is gone")
		calls := submit(t, d, item{1, 1, 1})
		synctest.Wait()
		calls = append(calls, submit(t, d, item{2, 1, 1}, item{3, 1, 1})...)
		for _, c := range calls {
			require.ErrorIs(t, c.Wait(t.Context()), d.fails)
		}
		d.end()
	})
}

// TestSideBySide: AtOnce groups are worked on at the same time, and the next one gathers until one of them
// ends.
func TestSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(2)
		begin := time.Now()
		calls := submit(t, d, item{1, 1, 1})
		synctest.Wait()
		calls = append(calls, submit(t, d, item{2, 1, 1})...)
		synctest.Wait()
		assert.Equal(t, [][]int{{1}, {2}}, d.worked())
		calls = append(calls, submit(t, d, item{3, 1, 1}, item{4, 1, 1})...)
		for _, c := range calls {
			require.NoError(t, c.Wait(t.Context()))
		}
		assert.Equal(t, [][]int{{1}, {2}, {3, 4}}, d.worked())
		assert.Equal(t, 2*time.Second, time.Since(begin))
		d.end()
	})
}

// TestWhoGivesUp: a call given up before its group begins is left out of it; one given up later may be done
// or not. A call that waits for room can be given up, too.
func TestWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		soon, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		first, err := d.Submit(soon, item{1, 1, 1})
		require.NoError(t, err)
		synctest.Wait()
		early, err := d.Submit(soon, item{2, 1, 1})
		require.NoError(t, err)
		stays := submit(t, d, item{3, 1, 1}, item{4, 1, 1}, item{5, 1, 1}) // now as many wait as may
		_, err = d.Submit(soon, item{6, 1, 1})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		for _, c := range []*batch.Call[item]{first, early} {
			err := c.Wait(soon)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, batch.ErrUnknown)
		}
		for _, c := range stays {
			require.NoError(t, c.Wait(t.Context()))
		}
		require.NoError(t, first.Wait(t.Context()), "the answer stays")
		require.ErrorIs(t, early.Wait(t.Context()), context.DeadlineExceeded)
		assert.Equal(t, [][]int{{1}, {3, 4, 5}}, d.worked())
		d.end()
	})
}

// TestNobodyIsLeft: a group all of whose calls were given up does not reach Work, and the next call is worked
// on.
func TestNobodyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		submit(t, d, item{1, 1, 1})
		synctest.Wait()
		soon, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := d.Submit(soon, item{2, 1, 1})
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		require.NoError(t, submit(t, d, item{3, 1, 1})[0].Wait(t.Context()))
		assert.Equal(t, [][]int{{1}, {3}}, d.worked())
		d.end()
	})
}

// TestEnd: calls that were handed over are worked on; later ones are refused, and so are those that wait for
// room.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		calls := submit(t, d, item{1, 1, 1})
		synctest.Wait()
		calls = append(calls, submit(t, d, item{2, 1, 1}, item{3, 1, 1}, item{4, 1, 1}, item{5, 1, 1})...)
		late := make(chan error, 1)
		go func() {
			_, err := d.Submit(t.Context(), item{6, 1, 1})
			late <- err
		}()
		synctest.Wait()
		assert.False(t, d.Stopping())
		d.Stop()
		d.Stop()
		assert.True(t, d.Stopping())
		require.ErrorIs(t, <-late, batch.ErrClosed)
		_, err := d.Submit(t.Context(), item{7, 1, 1})
		require.ErrorIs(t, err, batch.ErrClosed)
		<-d.Done()
		for _, c := range calls {
			require.NoError(t, c.Wait(t.Context()))
		}
		assert.Equal(t, [][]int{{1}, {2, 3, 4}, {5}}, d.worked())
	})
}

// TestAnswersOfSomebodyElse: Work may return before its calls are answered, so that the next group begins;
// the batcher ends after the last answer.
func TestAnswersOfSomebodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		worked := make(chan []*batch.Call[int], 2)
		b := batch.New(batch.Config[int]{
			Waiting: 1, Count: 1, Bytes: 1, AtOnce: 1, Size: func(int) (int, int) { return 1, 1 },
			Work: func(group []*batch.Call[int]) { worked <- group },
		})
		var calls []*batch.Call[int]
		for range 2 {
			c, err := b.Submit(t.Context(), 0)
			require.NoError(t, err)
			calls = append(calls, c)
			synctest.Wait()
		}
		b.Stop()
		synctest.Wait()
		for range calls {
			select {
			case <-b.Done():
				t.Fatal("it ended with calls that have no answer")
			default:
			}
			c := (<-worked)[0]
			c.Value = 7
			c.Answer(nil)
			synctest.Wait()
		}
		<-b.Done()
		for _, c := range calls {
			require.NoError(t, c.Wait(t.Context()))
			assert.Equal(t, 7, c.Value)
		}
	})
}
