package load

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// tellEvery is the time between two lines of progress.
	tellEvery = 2 * time.Second
	// mostPoints bounds the points of a series; shortest is the shortest time between two of them.
	mostPoints = 120
	shortest   = 100 * time.Millisecond
)

// teller writes lines of progress. Safe for concurrent use.
type teller struct {
	mu sync.Mutex
	to io.Writer
}

// say writes a line. It ignores errors: a run goes on without its progress.
func (t *teller) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.to, format+"\n", args...)
}

// counter is a count that grows during a run, with its name.
type counter struct {
	name string
	read func() int64
}

// watched says for how long and how often watch reads counters.
type watched struct {
	d time.Duration
	// every is the time between two reads; 0: chosen so that there are at most mostPoints.
	every time.Duration
	// until ends the watch before d when it is true; nil: never.
	until func() bool
}

// watch reads the counters until w ends, returns the growth a second of each over time, and writes lines of progress.
func (t *teller) watch(ctx context.Context, w watched, counters []counter) ([]Series, error) {
	begin := time.Now()
	end := time.NewTimer(w.d)
	defer end.Stop()
	tick := time.NewTicker(cmp.Or(w.every, max(w.d/mostPoints, shortest)))
	defer tick.Stop()
	out, last := make([]Series, len(counters)), make([]int64, len(counters))
	for i, c := range counters {
		out[i].Name, last[i] = c.name, c.read()
	}
	first, noted, told := slices.Clone(last), begin, begin
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-end.C:
			return out, nil
		case now := <-tick.C:
			for i, c := range counters {
				n := c.read()
				out[i].Points = append(out[i].Points, Point{Seconds: now.Sub(begin).Seconds(), PerSecond: float64(n-last[i]) / now.Sub(noted).Seconds()})
				last[i] = n
			}
			noted = now
			if w.until != nil && w.until() {
				return out, nil
			}
			if now.Sub(told) >= tellEvery {
				told = now
				t.say("  %.0f s of %s: %s", now.Sub(begin).Seconds(), w.d, perSecond(counters, first, last, now.Sub(begin)))
			}
		}
	}
}

// perSecond formats the average growth a second of each counter so far.
func perSecond(counters []counter, first, last []int64, d time.Duration) string {
	parts := make([]string, len(counters))
	for i, c := range counters {
		parts[i] = fmt.Sprintf("%.0f %s a second", float64(last[i]-first[i])/d.Seconds(), c.name)
	}
	return strings.Join(parts, ", ")
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
