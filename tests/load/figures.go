package load

import "slices"

// Figure is one number of a report.
type Figure struct {
	Name  string
	Unit  string
	Value float64
}

// Median is one figure over all runs. Spread is Highest − Lowest in percent of Median.
type Median struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Median  float64 `json:"median"`
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	Spread  float64 `json:"spreadPercent"`
}

// named is a latency with its name.
type named struct {
	name string
	Latency
}

// latencies returns the latencies that have at least one value.
func (r *Report) latencies() []named {
	all := []named{{"stored", r.StoredLatency}, {"delivered", r.DeliveredLatency}}
	if s := r.Storm; s != nil {
		all = append(all, named{"hello", s.Hello}, named{"synced", s.Synced}, named{"sync call", s.SyncCall}, named{"chat before", s.Before}, named{"chat during", s.During})
	}
	if h := r.History; h != nil {
		all = append(all, named{"head", h.Head}, named{"depth", h.Depth})
	}
	if s := r.Sync; s != nil {
		all = append(all, named{"whole sync", s.Whole}, named{"sync call", s.Call})
	}
	return slices.DeleteFunc(all, func(l named) bool { return l.Count == 0 })
}

// figures returns the figures by which runs are compared; those that are 0, or were not measured, are left out.
func (r *Report) figures() []Figure {
	all := []Figure{{"stored", "/s", r.StoredPerSecond}, {"delivered", "/s", r.DeliveredSecond}}
	if s := r.Storm; s != nil {
		all = append(all, Figure{"all have hello after", "s", s.AllHelloSeconds}, Figure{"all have synced after", "s", s.AllSyncedSeconds}, Figure{"turned away", "", float64(s.Refused)})
	}
	if h := r.History; h != nil {
		all = append(all, Figure{"pages", "/s", h.PerSecond})
	}
	if s := r.Sync; s != nil {
		all = append(all, Figure{"syncs", "/s", s.PerSecond})
	}
	for _, l := range r.latencies() {
		all = append(all, Figure{l.name + " p50", "ms", l.P50}, Figure{l.name + " p99", "ms", l.P99})
	}
	all = append(all, Figure{"a delivery in the first server", "µs of CPU", r.DeliveryMicros})
	for _, c := range r.Processes {
		all = append(all, Figure{"CPU of " + c.Name, "µs a " + r.Each, c.MicrosEach})
		if c.WrittenEach != nil {
			all = append(all, Figure{"written by " + c.Name, "bytes a " + r.Each, *c.WrittenEach})
		}
	}
	all = append(all, Figure{"memory of the first server", "MB", r.ServerMemoryBytes / 1e6},
		Figure{"resident", "KB a socket", r.RSSPerSocket / 1000}, Figure{"Go heap and stacks", "KB a socket", r.GoBytesPerSocket / 1000})
	return slices.DeleteFunc(all, func(f Figure) bool { return f.Value == 0 })
}

// Medians returns the median of each figure over all runs, in the order of their first appearance. A run without a
// figure counts as 0.
func (r *Results) Medians() []Median {
	var out []Median
	values := map[[2]string][]float64{}
	for _, run := range r.Runs {
		for _, f := range run.figures() {
			key := [2]string{f.Name, f.Unit}
			if values[key] == nil {
				out = append(out, Median{Name: f.Name, Unit: f.Unit})
			}
			values[key] = append(values[key], f.Value)
		}
	}
	for i, m := range out {
		v := values[[2]string{m.Name, m.Unit}]
		for len(v) < len(r.Runs) {
			v = append(v, 0)
		}
		slices.Sort(v)
		n := len(v)
		m.Median, m.Lowest, m.Highest = (v[(n-1)/2]+v[n/2])/2, v[0], v[n-1]
		if m.Median != 0 {
			m.Spread = 100 * (m.Highest - m.Lowest) / m.Median
		}
		out[i] = m
	}
	return out
}
