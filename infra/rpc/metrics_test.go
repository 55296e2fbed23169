package rpc

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestCallsAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := startServer(t, DefaultConfig(), func(_ context.Context, in string) (string, error) {
		if in == "no" {
			return "", status.Error(codes.NotFound, "not there")
		}
		return in, nil
	}, WithMetrics(reg))
	for range 2 { // two connections share their metrics
		c := dial(t, s.addr, DefaultConfig(), WithMetrics(reg), WithCaller("gateway/3"))
		for _, in := range []string{"yes", "yes", "no"} {
			_, _ = call(limited(t), c, in)
		}
	}
	want := map[string]map[string]uint64{
		"gochat_rpc_server_seconds": {"gateway OK": 4, "gateway NotFound": 2},
		"gochat_rpc_client_seconds": {" OK": 4, " NotFound": 2},
	}
	for name, rows := range counts(t, reg) {
		for k, n := range rows {
			if want[name][k] != n {
				t.Errorf("%s %s: %d, want %d", name, k, n, want[name][k])
			}
			delete(want[name], k)
		}
		if len(want[name]) > 0 {
			t.Errorf("%s has no %v", name, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no metric %v", want)
	}
}

// counts reads all histograms: name to "caller code" to number.
func counts(t *testing.T, reg *prometheus.Registry) map[string]map[string]uint64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]uint64{}
	for _, f := range families {
		rows := map[string]uint64{}
		for _, m := range f.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			rows[labels["caller"]+" "+labels["code"]] += m.Histogram.GetSampleCount()
		}
		all[f.GetName()] = rows
	}
	return all
}

func TestRoleLabelsAreFew(t *testing.T) {
	var r roleLabels
	seen := map[string]bool{}
	for i := range 1000 {
		seen[r.of(strings.Repeat("x", i%100)+"/1")] = true
	}
	if len(seen) > maxRoles+2 || !seen["other"] || !seen[""] {
		t.Errorf("%d values of a label", len(seen))
	}
	if got := r.of("\xff/1"); got != "other" {
		t.Errorf("what is no text became %q", got)
	}
}
