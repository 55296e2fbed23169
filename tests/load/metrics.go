package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gochat/gochat/tests/client"
)

// gauges reads some of the server's own metrics.
func gauges(ctx context.Context, s *client.Server) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	resp, err := s.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, found := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); found && err == nil {
			out[name] = v
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return out, nil
}

const (
	cpuMetric   = "process_cpu_seconds_total"
	rssMetric   = "process_resident_memory_bytes"
	heapMetric  = "go_memstats_heap_inuse_bytes"
	stackMetric = "go_memstats_stack_inuse_bytes"
)

// ownCPU is what this process has used.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read own CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// round waits until every sender has gone round its peers, since a first message makes
// its conversation.
func (f *fleet) round(ctx context.Context, progress io.Writer) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for n := 0; ; n++ {
		made := 0
		for _, p := range f.pairs {
			if p.storedFirst.Load() > 1 {
				made++
			}
		}
		if made == len(f.pairs) {
			return nil
		}
		if n%10 == 9 {
			_, _ = fmt.Fprintf(progress, "making %d conversations: %d messages so far…\n", len(f.pairs)*f.run.cfg.Peers, f.run.stored.Load())
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// measure waits out the warm-up and the measured time.
func (o *run) measure(ctx context.Context, s *client.Server, r *Report, progress io.Writer) error {
	cfg := o.cfg
	_, _ = fmt.Fprintf(progress, "warming up for %s, then measuring for %s…\n", cfg.Warmup, cfg.Duration)
	if err := pause(ctx, cfg.Warmup); err != nil {
		return err
	}
	before, err := gauges(ctx, s)
	if err != nil {
		return err
	}
	ownBefore, err := ownCPU()
	if err != nil {
		return err
	}
	o.measuring.Store(true)
	cfg.around(true)
	start := time.Now()
	storedBefore, deliveredBefore := o.totals()
	if err := pause(ctx, cfg.Duration); err != nil {
		return err
	}
	stored, delivered := o.totals()
	stored, delivered = stored-storedBefore, delivered-deliveredBefore
	seconds := time.Since(start).Seconds()
	o.measuring.Store(false)
	cfg.around(false)
	ownAfter, err := ownCPU()
	if err != nil {
		return err
	}
	after, err := gauges(ctx, s)
	if err != nil {
		return err
	}
	r.Pairs, r.InFlight, r.Rate, r.ContentBytes, r.Seconds = cfg.Pairs, cfg.InFlight, cfg.Rate, cfg.Content, seconds
	r.Stored, r.Delivered = stored, delivered
	r.StoredPerSecond, r.DeliveredSecond = float64(stored)/seconds, float64(delivered)/seconds
	r.StoredLatency, r.DeliveredLatency = o.storedIn.latency(), o.reachedIn.latency()
	r.Errors = o.errors.Load()
	each := 1e6 / float64(max(stored, 1))
	r.ServerMicrosEach = (after[cpuMetric] - before[cpuMetric]) * each
	r.ClientMicrosEach = (ownAfter - ownBefore).Seconds() * each
	r.ServerMemoryBytes = after[rssMetric]
	return nil
}

func (c Config) around(begins bool) {
	if c.Around != nil {
		c.Around(begins)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
