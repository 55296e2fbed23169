package load

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// printer prints lines and keeps the first error.
type printer struct {
	to  io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.to, format+"\n", args...)
	}
}

// Write prints the reports of all runs as text, and the medians when there are several runs.
func (r *Results) Write(w io.Writer) error {
	p := &printer{to: w}
	for i, run := range r.Runs {
		if len(r.Runs) > 1 {
			p.line("run %d of %d", i+1, len(r.Runs))
		}
		run.write(p)
	}
	if len(r.Runs) > 1 {
		p.line("median of %d runs", len(r.Runs))
		medians(p, r.Medians())
	}
	if p.err != nil {
		return fmt.Errorf("print the report: %w", p.err)
	}
	return nil
}

func medians(p *printer, list []Median) {
	table := &printer{to: tabwriter.NewWriter(p.to, 0, 0, 2, ' ', 0)}
	table.line("  figure\tmedian\tlowest\thighest\tspread\t")
	for _, m := range list {
		table.line("  %s\t%s %s\t%s\t%s\t%.0f %%\t", m.Name, number(m.Median), m.Unit, number(m.Lowest), number(m.Highest), m.Spread)
	}
	p.flush(table)
}

// flush prints a table with aligned columns.
func (p *printer) flush(table *printer) {
	if p.err == nil {
		p.err = table.err
	}
	if p.err == nil {
		p.err = table.to.(*tabwriter.Writer).Flush()
	}
}

// number formats a value with about three significant digits.
func number(v float64) string {
	switch {
	case v >= 1000, v >= 10 && v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r *Report) write(p *printer) {
	p.line("%s", r.headline())
	switch {
	case r.Idle > 0:
		p.line("  memory a socket   %.1f KB resident, %.1f KB Go heap and stacks", r.RSSPerSocket/1000, r.GoBytesPerSocket/1000)
		return
	case r.Storm != nil:
		r.Storm.write(p)
	case r.History != nil:
		p.line("  pages      %8.0f /s", r.History.PerSecond)
		p.latency("head", "", r.History.Head)
		p.latency("depth", "", r.History.Depth)
	case r.Sync != nil:
		p.line("  syncs      %8.0f /s", r.Sync.PerSecond)
		p.latency("whole", "", r.Sync.Whole)
		p.latency("a call", "", r.Sync.Call)
	default:
		p.latency("stored", fmt.Sprintf("%8.0f /s", r.StoredPerSecond), r.StoredLatency)
		p.latency("delivered", fmt.Sprintf("%8.0f /s", r.DeliveredSecond), r.DeliveredLatency)
		p.line("  CPU        %8.1f µs a message in the server, %.1f µs in this generator", r.ServerMicrosEach, r.ClientMicrosEach)
	}
	p.line("  memory     %8.1f MB resident in the server", r.ServerMemoryBytes/1e6)
	r.messages(p)
	r.processes(p)
	for _, n := range r.Notes {
		p.line("  note       %s", n)
	}
}

// headline names the load of the run.
func (r *Report) headline() string {
	tail := fmt.Sprintf("%d bytes, %.1f s, %d cores shared with this generator", r.ContentBytes, r.Seconds, r.Cores)
	switch {
	case r.Idle > 0:
		return fmt.Sprintf("%d idle sockets, %d cores", r.Idle, r.Cores)
	case r.Storm != nil:
		return fmt.Sprintf("%d sockets of %d users cut at once, %s", r.Storm.Sockets, r.Storm.Users, tail)
	case r.History != nil:
		return fmt.Sprintf("pages of %d in a conversation of %d messages, %d callers, %s", pageSize, r.History.Messages, r.History.Callers, tail)
	case r.Sync != nil:
		return fmt.Sprintf("syncs with news in %d conversations, %d messages each, %d callers, %s", r.Sync.Conversations, newsEach, r.Sync.Callers, tail)
	case r.Mode == "world":
		return fmt.Sprintf("the world with %d members online, %d in flight, %s", r.Members, r.InFlight, tail)
	case r.Groups > 1:
		return fmt.Sprintf("%d groups of %d members online, %d in flight each, %s", r.Groups, r.Members, r.InFlight, tail)
	case r.Members > 0:
		return fmt.Sprintf("a group of %d members online, %d in flight, %s", r.Members, r.InFlight, tail)
	case r.Rate > 0:
		return fmt.Sprintf("%d pairs, %.0f messages a second offered, %d conversations, %s", r.Pairs, r.Rate, r.Conversations, tail)
	}
	return fmt.Sprintf("%d pairs, %d in flight each, %d conversations, %s", r.Pairs, r.InFlight, r.Conversations, tail)
}

func (p *printer) latency(name, rate string, l Latency) {
	p.line("  %-10s %11s   p50 %6.1f ms   p90 %6.1f ms   p99 %6.1f ms   max %6.1f ms", name, rate, l.P50, l.P90, l.P99, l.Max)
}

func (s *Storm) write(p *printer) {
	p.line("  hello      all after %.2f s", s.AllHelloSeconds)
	p.latency("", "", s.Hello)
	p.line("  synced     all after %.2f s", s.AllSyncedSeconds)
	p.latency("", "", s.Synced)
	p.latency("sync call", "", s.SyncCall)
	p.line("  turned away %d times, to come again later", s.Refused)
	p.latency("chat", "before", s.Before)
	p.latency("", "during", s.During)
}

// messages prints the checks of messages, for the modes that measure messages.
func (r *Report) messages(p *printer) {
	switch {
	case r.Each != "message":
		return
	case r.Members > 0:
		p.line("             %8.2f µs a delivery in the server", r.DeliveryMicros)
		p.line("  slow       %d sync-hints, %d messages not pushed", r.SyncHints, r.Skipped)
		p.line("  checked    %d messages in history: whole, in order", r.CheckedMessages)
	default:
		p.line("  checked    %d messages of %d pairs in history: whole, in order", r.CheckedMessages, r.CheckedPairs)
	}
	p.line("  errors     %d", r.Errors)
}

// processes prints what each process cost.
func (r *Report) processes(p *printer) {
	table := &printer{to: tabwriter.NewWriter(p.to, 0, 0, 2, ' ', tabwriter.AlignRight)}
	table.line("process\t%% of a core\tµs a %s\twritten, bytes a %s\t", r.Each, r.Each)
	for _, c := range r.Processes {
		written := "–"
		if c.WrittenEach != nil {
			written = number(*c.WrittenEach)
		}
		table.line("%s\t%.0f\t%.1f\t%s\t", c.Name, c.CorePercent, c.MicrosEach, written)
	}
	p.flush(table)
}
