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
	// tellEvery is how often a line says how far the measuring is.
	tellEvery = 2 * time.Second
	// mostPoints bounds what is kept of the throughput over time, and shortest how often it is looked at.
	mostPoints = 120
	shortest   = 100 * time.Millisecond
)

// teller says how far everything is. Safe for concurrent use.
type teller struct {
	mu sync.Mutex
	to io.Writer
}

// say writes a line. That nobody can read how far a run is does not end the run.
func (t *teller) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.to, format+"\n", args...)
}

// counter is something that is counted while a server is measured.
type counter struct {
	name string
	read func() int64
}

// watched is a time in which counters are watched.
type watched struct {
	d time.Duration
	// every is how often they are read; 0: so often that there are mostPoints at most.
	every time.Duration
	// until ends it before; nil: nothing does.
	until func() bool
}

// watch waits, notes how much of everything there was in each moment, and tells it.
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

// perSecond says how many of everything there were a second so far.
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
