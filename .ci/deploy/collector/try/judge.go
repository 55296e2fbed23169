package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// deviations is how far, in standard deviations, the number of ordinary traces that were kept may be from their
// share: by chance it is farther once in a million times.
const deviations = 5

// verdict is what became of all traces.
type verdict struct {
	percent                              float64
	failed, slow, ordinary, ordinaryKept int
	failedSpans, slowSpans               int
	faults                               []error
}

func (v *verdict) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Errorf(format, args...))
}

func (v *verdict) summary() string {
	return fmt.Sprintf("failed: %d (%d spans), slow: %d (%d spans), others: %d of %d kept at %g %%",
		v.failed, v.failedSpans, v.slow, v.slowSpans, v.ordinaryKept, v.ordinary, v.percent)
}

// judge compares what came in with what was kept.
func judge(all, kept traces, m made, percent float64) *verdict {
	v := &verdict{percent: percent}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		v.trace(id, all[id], kept[id])
	}
	for id, spans := range kept {
		if all[id] == nil {
			v.fault("trace %s (%s) was kept and has not come in", id, names(spans))
		}
	}
	v.intended(all, m)
	v.share()
	return v
}

// trace judges one trace: it is kept whole, or not at all, and for the reason that it gives.
func (v *verdict) trace(id string, in, out map[string]span) {
	var kind, policy string
	switch {
	case failed(in):
		kind, policy = "failed", "failed"
		v.failed++
		v.failedSpans += len(in)
	case duration(in) > slow:
		kind, policy = "slow", "slow"
		v.slow++
		v.slowSpans += len(in)
	default:
		kind, policy = "ordinary", "share"
		v.ordinary++
		if len(out) == 0 {
			return
		}
		v.ordinaryKept++
	}
	if !maps.EqualFunc(in, out, func(a, b span) bool { return a.name == b.name }) {
		v.fault("%s trace %s (%s, %s): %d of its %d spans were kept", kind, id, names(in), duration(in), len(out), len(in))
	}
	for _, s := range out {
		if s.policy != policy {
			v.fault("%s trace %s (%s, %s) was kept for %q, not for %q", kind, id, names(in), duration(in), s.policy, policy)
			return
		}
	}
}

// intended holds the traces that were made by intent to what they are: without them a trial proves nothing.
func (v *verdict) intended(all traces, m made) {
	if in := all[m.failed]; !failed(in) || !whole(in) {
		v.fault("the request that failed made no whole trace with a failure: %s (%s)", m.failed, names(in))
	}
	if in := all[m.slow]; failed(in) || duration(in) <= slow || !whole(in) {
		v.fault("the slow request made no whole trace of more than %s without a failure: %s (%s, %s)", slow, m.slow, names(in), duration(in))
	}
	if v.ordinary < len(m.ordinary)/2 {
		v.fault("of %d ordinary requests only %d made an ordinary trace", len(m.ordinary), v.ordinary)
	}
}

// share holds the number of ordinary traces that were kept to what it is to be.
func (v *verdict) share() {
	p, n := v.percent/100, float64(v.ordinary)
	if off := math.Abs(float64(v.ordinaryKept) - n*p); off > deviations*math.Sqrt(n*p*(1-p)) {
		v.fault("%d of %d ordinary traces were kept, which is not %g %%", v.ordinaryKept, v.ordinary, v.percent)
	}
}

func failed(spans map[string]span) bool {
	for _, s := range spans {
		if s.failed {
			return true
		}
	}
	return false
}

// duration is from the beginning of the first span to the end of the last one.
func duration(spans map[string]span) time.Duration {
	var first, last time.Time
	for _, s := range spans {
		if first.IsZero() || s.start.Before(first) {
			first = s.start
		}
		if s.end.After(last) {
			last = s.end
		}
	}
	return last.Sub(first).Truncate(time.Millisecond)
}

// whole reports whether the span of the client's request is there, and of each other one the span that it is in.
func whole(spans map[string]span) bool {
	request := false
	for _, s := range spans {
		if _, there := spans[s.parent]; !there && s.parent != "" {
			return false
		}
		request = request || s.parent == "" && strings.HasPrefix(s.name, "POST ")
	}
	return request && len(spans) > 1
}

// names are those of a trace's spans.
func names(spans map[string]span) string {
	found := map[string]bool{}
	for _, s := range spans {
		found[s.name] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ", ")
}
