package status

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Text returns the report for terminals, with at most errors lines of the log.
func (r *Report) Text(errors int) string {
	var b strings.Builder
	p := r.Process
	fmt.Fprintf(&b, "GoChat %s (%s)  %s\n", plain(p.Name), plain(strings.Join(p.Roles, ", ")), strings.ToUpper(plain(r.State)))
	fmt.Fprintf(&b, "%s  up %s  log level %s  figures of the last %.0f s\n\n", plain(p.Version),
		time.Duration(p.UptimeSeconds*float64(time.Second)).Round(time.Second), plain(p.LogLevel), r.WindowSeconds)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, values ...any) { _, _ = fmt.Fprintf(t, format+"\n", values...) } // into memory
	r.figures(row)
	row("")
	for _, d := range r.Dependencies {
		row("%s\t%s\tsince %s", plain(d.Name), plain(d.State), time.UnixMilli(d.SinceAt).Format(time.TimeOnly))
	}
	row("")
	r.ways(row)
	if r.Cluster == nil {
		losses(row, r.Lag, r.Poisoned)
	}
	_ = t.Flush() // into memory
	lines := r.Errors
	if r.Cluster != nil {
		b.WriteString(r.everywhere())
		lines = r.Cluster.Errors
	}
	b.WriteByte('\n')
	for _, e := range lines[:min(errors, len(lines))] {
		fmt.Fprintf(&b, "%s %s ×%d %s%s%s\n", time.UnixMilli(e.At).Format(time.TimeOnly), plain(e.Level), e.Count,
			plain(strings.TrimPrefix(e.Process+": ", ": ")), plain(e.Message), fields(e.Fields))
	}
	return b.String()
}

// everywhere returns the sums of all processes, and then a line for each.
func (r *Report) everywhere() string {
	var b strings.Builder
	c := r.Cluster
	fmt.Fprintf(&b, "\nAll processes: %d, %d of them ok\n", c.Processes, c.OK)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, values ...any) { _, _ = fmt.Fprintf(t, format+"\n", values...) } // into memory
	row("accepted %s/s\tstored %s/s\tdelivered %s/s\tsockets %s", figure(c.Rates.Accepted), figure(c.Rates.Stored), figure(c.Rates.Delivered), figure(c.Sockets))
	losses(row, c.Lag, c.Poisoned)
	row("")
	row("process\troles\tstate\taccepted/s\tstored/s\tdelivered/s\tsockets\tcores\tmemory\tversion\taddress")
	for _, p := range r.Processes {
		rates := p.Rates
		if rates == nil {
			rates = &Rates{}
		}
		row("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", plain(p.Name), plain(p.Roles), plain(p.State), figure(rates.Accepted), figure(rates.Stored),
			figure(rates.Delivered), figure(p.Sockets), figure(p.CPU), mebibytes(p.MemoryBytes), plain(p.Version), plain(p.Address))
	}
	_ = t.Flush() // into memory
	return b.String()
}

func (r *Report) figures(row func(string, ...any)) {
	row("accepted %s/s\tstored %s/s\tdelivered %s/s", figure(r.Rates.Accepted), figure(r.Rates.Stored), figure(r.Rates.Delivered))
	if r.Gateway != nil {
		row("sockets %.0f\tusers %.0f", r.Gateway.Sockets, r.Gateway.Users)
	}
	row("cores busy %s\tmemory %s\tgoroutines %s\topen files %s", figure(r.Process.CPU), mebibytes(r.Process.MemoryBytes), figure(r.Process.Goroutines), figure(r.Process.OpenFiles))
	if r.Leads != nil {
		row("leads the chores: %t", *r.Leads)
	}
	if r.WorkerLeaseSeconds != nil {
		row("worker id lease %.1f s", *r.WorkerLeaseSeconds)
	}
}

// losses prints the lag of consumer groups and the numbers of poisoned records.
func losses(row func(string, ...any), lag []Lag, poisoned []Poison) {
	for _, l := range lag {
		row("lag of %s\tin %s\t%.0f", plain(l.Group), plain(l.Topic), l.Messages)
	}
	for _, x := range poisoned {
		row("given up\t%s\t%.0f", plain(x.Reason), x.Count)
	}
}

func (r *Report) ways(row func(string, ...any)) {
	way := func(name string, l *Latency) {
		if l != nil {
			row("%s\tp50 %s\tp99 %s\t%.0f", plain(name), wait(l.P50Seconds), wait(l.P99Seconds), l.Count)
		}
	}
	way("accepted → stored", r.Latencies.AcceptedToStored)
	way("accepted → socket", r.Latencies.AcceptedToWritten)
	for _, s := range r.Stages {
		way("stage "+s.Name, &s.Latency)
	}
}

func figure(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case *v >= 10 || *v == 0:
		return fmt.Sprintf("%.0f", *v)
	}
	return fmt.Sprintf("%.2f", *v)
}

func mebibytes(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f MiB", *v/(1<<20))
}

func wait(v *float64) string {
	if v == nil {
		return "–"
	}
	return time.Duration(*v * float64(time.Second)).Round(100 * time.Microsecond).String()
}

func fields(of map[string]string) string {
	var all []string
	for name, value := range of {
		all = append(all, " "+plain(name)+"="+plain(value))
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// plain removes control characters, which could steer the terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}
