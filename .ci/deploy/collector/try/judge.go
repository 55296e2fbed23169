package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// deviations bounds the distance, in standard deviations, of the number of kept ordinary traces from the expected
// share. By chance the distance is greater once in a million trials.
const deviations = 5

// verdict counts what became of all traces, and lists faults.
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

// judge compares the traces that came in with those that were kept.
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

// trace checks one trace: it must be kept whole or not at all, and the policy that it names must apply to it.
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

// intended checks that the traces that were made to fail or to be slow did so, and were kept: otherwise a trial proves
// nothing.
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

// share checks the number of kept ordinary traces against the configured share.
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

// duration returns the time from the start of the first span to the end of the last one.
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

// whole reports whether a trace has the span of the client's request, and the parent of every other span.
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

// names returns the names of a trace's spans.
func names(spans map[string]span) string {
	found := map[string]bool{}
	for _, s := range spans {
		found[s.name] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ", ")
}
