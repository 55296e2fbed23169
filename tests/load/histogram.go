package load

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is the longest time that a histogram tells from longer ones, in microseconds.
const longest = 150_000_000

// histogram of microseconds up to two and a half minutes. Its size does not grow with what is recorded. Safe for concurrent use.
type histogram struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

func newHistogram() *histogram { return &histogram{h: hdrhistogram.New(1, longest, 3)} }

func (h *histogram) record(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.h.RecordValue(min(max(d.Microseconds(), 1), longest)) // within its range
}

// reset forgets what was recorded before a run.
func (h *histogram) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.h.Reset()
}

// percents are the points of a curve; the higher ones need many values to mean something.
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

// nines is where a percentile is on a curve's axis: 90 at 1, 99 at 2, 99.9 at 3.
func nines(percent float64) float64 { return -math.Log10(1 - percent/100) }
