package status

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Rates and latencies are measured over the last window. Requests within lookEvery share one look at the metrics.
// Looks are taken only when somebody asks, so the first request after a pause waits for firstWait between two.
const (
	window    = 10 * time.Second
	lookEvery = 900 * time.Millisecond
	firstWait = 500 * time.Millisecond
)

// Names of the metrics that a report is made of.
const (
	metricAccepted  = "gochat_gateway_upstream_batch_messages"
	metricStored    = "gochat_repo_messages_total"
	metricStores    = "gochat_repo_transaction_messages" // every process with the role repo has it from the start
	metricFrames    = "gochat_gateway_frames_total"
	metricToStored  = "gochat_pipeline_accepted_to_stored_seconds"
	metricToWritten = "gochat_gateway_accepted_to_written_seconds"
	metricStage     = "gochat_pipeline_stage_seconds"
	metricSockets   = "gochat_gateway_connections"
	metricUsers     = "gochat_gateway_users"
	metricLag       = "gochat_queue_lag"
	metricPoisoned  = "gochat_router_poisoned_total"
	metricLeads     = "gochat_janitor_leads"
	metricLease     = "gochat_registry_worker_id_lease_seconds"
)

// look has the metrics of one moment.
type look struct {
	at  time.Time
	all families
}

// Meter makes the figures of a Report from a process's metrics. Safe for concurrent use.
type Meter struct {
	from prometheus.Gatherer

	mu    sync.Mutex
	looks []look // sorted by age, the newest last; the oldest is about a window old
}

// NewMeter returns a Meter of the metrics that from gathers.
func NewMeter(from prometheus.Gatherer) *Meter { return &Meter{from: from} }

// Fill sets the fields of r that come from metrics. When nobody has asked for about 10 s it waits for half a second,
// to measure rates. It returns an error when ctx is done before, or no metrics can be read.
func (m *Meter) Fill(ctx context.Context, r *Report) error {
	first, last, err := m.measure(ctx)
	if err != nil {
		return err
	}
	took := last.at.Sub(first.at).Seconds()
	r.At, r.WindowSeconds = last.at.UnixMilli(), took
	rate := func(name string, labels ...string) *float64 {
		now, before := last.all.sum(name, labels...), first.all.sum(name, labels...)
		if now == nil {
			return nil
		}
		v := *now
		if before != nil {
			v -= *before
		}
		v = max(v, 0) / took
		return &v
	}
	latency := func(name string, labels ...string) *Latency {
		return last.all.histogram(name, labels...).since(first.all.histogram(name, labels...)).latency()
	}
	r.Rates = Rates{
		Accepted: rate(metricAccepted), Stored: rate(metricStored, "outcome", "stored"),
		Delivered: rate(metricFrames, "type", "new-message", "direction", "out"),
	}
	if r.Rates.Stored == nil && last.all[metricStores] != nil {
		r.Rates.Stored = new(float64)
	}
	if last.all[metricToStored] != nil {
		r.Latencies.AcceptedToStored = latency(metricToStored)
	}
	if last.all[metricToWritten] != nil {
		r.Latencies.AcceptedToWritten = latency(metricToWritten)
	}
	r.Process.CPU = rate("process_cpu_seconds_total")
	r.Stages = []Stage{}
	for _, name := range last.all.values(metricStage, "stage") {
		r.Stages = append(r.Stages, Stage{Name: name, Latency: *latency(metricStage, "stage", name)})
	}
	last.all.gauges(r)
	return nil
}

// gauges sets the fields of r that are present values, not rates.
func (f families) gauges(r *Report) {
	r.Process.MemoryBytes = f.sum("process_resident_memory_bytes")
	r.Process.Goroutines, r.Process.OpenFiles = f.sum("go_goroutines"), f.sum("process_open_fds")
	if sockets, users := f.sum(metricSockets), f.sum(metricUsers); sockets != nil && users != nil {
		r.Gateway = &Gateway{Sockets: *sockets, Users: *users}
	}
	r.Lag, r.Poisoned = []Lag{}, []Poison{}
	for _, m := range f[metricLag].GetMetric() {
		r.Lag = append(r.Lag, Lag{Topic: label(m, "topic"), Group: label(m, "group"), Messages: m.GetGauge().GetValue()})
	}
	for _, reason := range f.values(metricPoisoned, "reason") {
		if count := *f.sum(metricPoisoned, "reason", reason); count > 0 {
			r.Poisoned = append(r.Poisoned, Poison{Reason: reason, Count: count})
		}
	}
	if leads := f.sum(metricLeads); leads != nil {
		does := *leads > 0
		r.Leads = &does
	}
	r.WorkerLeaseSeconds = f.sum(metricLease)
}

// measure returns the looks at both ends of the window.
func (m *Meter) measure(ctx context.Context) (first, last look, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	// Looks are kept one interval longer than the window, so that the oldest is about a window old.
	m.looks = slices.DeleteFunc(m.looks, func(l look) bool { return now.Sub(l.at) > window+lookEvery })
	if n := len(m.looks); n == 0 || now.Sub(m.looks[n-1].at) >= lookEvery {
		if err := m.look(); err != nil {
			return look{}, look{}, err
		}
	}
	if len(m.looks) == 1 {
		wait := time.NewTimer(firstWait)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return look{}, look{}, fmt.Errorf("wait for a second look at the metrics: %w", ctx.Err())
		}
		if err := m.look(); err != nil {
			return look{}, look{}, err
		}
	}
	return m.looks[0], m.looks[len(m.looks)-1], nil
}

func (m *Meter) look() error {
	all, err := m.from.Gather()
	if len(all) == 0 && err != nil {
		return fmt.Errorf("read the metrics: %w", err)
	}
	m.looks = append(m.looks, look{at: time.Now(), all: byName(all)}) // an error that left some metrics is ignored
	return nil
}
