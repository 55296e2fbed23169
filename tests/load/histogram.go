package load

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the highest value of a histogram, in microseconds; longer times count as this one.
const longest = 150_000_000

// histogram counts durations up to two and a half minutes, in microseconds. Its size is fixed. Safe for concurrent use.
type histogram struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

func newHistogram() *histogram { return &histogram{h: hdrhistogram.New(1, longest, 3)} }

func (h *histogram) record(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.h.RecordValue(min(max(d.Microseconds(), 1), longest)) // fails only out of its range
}

// reset removes all values, at the begin of a run.
func (h *histogram) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.h.Reset()
}

// percents are the points of a latency curve. The highest ones are left out unless a value lies above them.
var percents = []float64{0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97.5, 98, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999}

func (h *histogram) latency() Latency {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := h.h.TotalCount()
	if count == 0 {
		return Latency{}
	}
	ms := func(q float64) float64 { return float64(h.h.ValueAtQuantile(q)) / 1000 }
	l := Latency{P50: ms(50), P90: ms(90), P99: ms(99), Max: float64(h.h.Max()) / 1000, Count: count}
	for _, p := range percents {
		if float64(count)*(100-p) >= 100 { // at least one value is above it
			l.Curve = append(l.Curve, Quantile{Percent: p, Millis: max(ms(p), float64(h.h.Min())/1000)})
		}
	}
	return l
}

// nines returns the place of a percentile on the x axis: 90 is at 1, 99 at 2, 99.9 at 3.
func nines(percent float64) float64 { return -math.Log10(1 - percent/100) }
