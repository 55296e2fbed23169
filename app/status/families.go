package status

import (
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// families are metric families by name.
type families map[string]*dto.MetricFamily

func byName(all []*dto.MetricFamily) families {
	out := make(families, len(all))
	for _, f := range all {
		out[f.GetName()] = f
	}
	return out
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// matches reports whether a metric has all labels, given as name, value, name, value.
func matches(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if label(m, labels[i]) != labels[i+1] {
			return false
		}
	}
	return true
}

// sum adds up the values of the metrics of a name that have all labels; nil: there is none.
// The value of a histogram is the sum of its observations.
func (f families) sum(name string, labels ...string) *float64 {
	var total *float64
	for _, m := range f[name].GetMetric() {
		if matches(m, labels) {
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
			if total != nil {
				v += *total
			}
			total = &v
		}
	}
	return total
}

// buckets maps the upper bound of each bucket to the number of observations that are at most that bound.
type buckets map[float64]float64

// histogram adds up the histograms of a name that have all labels; nil: there is none.
func (f families) histogram(name string, labels ...string) buckets {
	var out buckets
	for _, m := range f[name].GetMetric() {
		if !matches(m, labels) {
			continue
		}
		if out == nil {
			out = buckets{}
		}
		for _, b := range m.GetHistogram().GetBucket() {
			if !math.IsInf(b.GetUpperBound(), 1) {
				out[b.GetUpperBound()] += float64(b.GetCumulativeCount())
			}
		}
		out[math.Inf(1)] += float64(m.GetHistogram().GetSampleCount())
	}
	return out
}

// values returns the distinct values of a label in a family, sorted.
func (f families) values(name, of string) []string {
	var out []string
	for _, m := range f[name].GetMetric() {
		out = append(out, label(m, of))
	}
	slices.SortFunc(out, strings.Compare)
	return slices.Compact(out)
}

// since returns the observations that came after earlier.
func (b buckets) since(earlier buckets) buckets {
	out := make(buckets, len(b))
	for bound, n := range b {
		out[bound] = max(n-earlier[bound], 0)
	}
	return out
}

// latency returns the quantiles as a Latency; nil for nil.
func (b buckets) latency() *Latency {
	if b == nil {
		return nil
	}
	return &Latency{P50Seconds: b.quantile(0.5), P99Seconds: b.quantile(0.99), Count: b[math.Inf(1)]}
}

// quantile estimates the value that a share of the observations does not exceed. Like Prometheus it takes
// observations to be spread evenly over their bucket. nil: there were no observations.
func (b buckets) quantile(share float64) *float64 {
	total := b[math.Inf(1)]
	if total == 0 {
		return nil
	}
	bounds := make([]float64, 0, len(b))
	for bound := range b {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	rank, below, count := share*total, 0.0, 0.0
	for _, bound := range bounds {
		if b[bound] >= rank {
			if math.IsInf(bound, 1) {
				return &below // above the last finite bound, which is the best known lower bound
			}
			within := b[bound] - count
			if within > 0 {
				below += (bound - below) * (rank - count) / within
			}
			return &below
		}
		below, count = bound, b[bound]
	}
	return &below
}
