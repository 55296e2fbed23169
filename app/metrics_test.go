package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/infra/conf"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/idgen"
)

// figures returns the values of collectors, by name and label values.
func figures(t *testing.T, of ...prometheus.Collector) map[string]float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(of...)
	families, err := reg.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

func TestStatesOfDependenciesAreShown(t *testing.T) {
	checks := health.New(time.Minute)
	checks.Add("queue", func(context.Context) error { return nil })
	checks.Add("repo", func(context.Context) error { return errors.New("away") })
	checks.AddSoft("registry", func(context.Context) error { return errors.New("away") })
	got := figures(t, states{checks})
	for _, want := range []string{"queue ok", "repo down", "registry degraded"} {
		assert.InDelta(t, 1, got["gochat_dependency_state "+want], 0, want)
	}
	sum := 0.0
	for _, v := range got {
		sum += v
	}
	assert.InDelta(t, 3, sum, 0, "each is in one state")
}

func TestWhoLeadsIsShown(t *testing.T) {
	var leads atomic.Bool
	assert.Zero(t, figures(t, leadsMetric(&leads))["gochat_janitor_leads"])
	leads.Store(true)
	assert.InDelta(t, 1, figures(t, leadsMetric(&leads))["gochat_janitor_leads"], 0)
}

func TestIDsAreCounted(t *testing.T) {
	holds := true
	clock := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	reads := 0
	ids, err := idgen.New(idgen.Config{
		SequenceBits: 1,
		Lease: func() (int64, error) {
			if !holds {
				return 0, errors.New("the lease has ended")
			}
			return 1, nil
		},
		Now: func() time.Time { // a millisecond later at every tenth call
			reads++
			return clock.Add(time.Duration(reads/10) * time.Millisecond)
		},
	})
	require.NoError(t, err)
	for range 3 {
		_, err := ids.Next()
		require.NoError(t, err)
	}
	holds = false
	_, err = ids.Next()
	require.ErrorIs(t, err, idgen.ErrNoWorker)
	got := figures(t, idMetrics(ids)...)
	assert.InDelta(t, 3, got["gochat_ids_made_total"], 0)
	assert.InDelta(t, 1, got["gochat_ids_failures_total"], 0)
	assert.GreaterOrEqual(t, got["gochat_ids_clock_waits_total"], 1.0)
}

func TestTheLeaseRunsOut(t *testing.T) {
	name := "gochat_registry_worker_id_lease_seconds"
	assert.InDelta(t, 3600, figures(t, leaseMetric(func() time.Time { return time.Now().Add(time.Hour) }))[name], 60)
	assert.Zero(t, figures(t, leaseMetric(func() time.Time { return time.Now().Add(-time.Hour) }))[name])
	assert.Zero(t, figures(t, leaseMetric(func() time.Time { return time.Time{} }))[name], "there is none")
}

func TestSizesOfStoresAreShown(t *testing.T) {
	dir := t.TempDir()
	database := filepath.Join(dir, "gochat.db")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, QueueDir), 0o700))
	for file, size := range map[string]int{database: 1000, database + "-wal": 200, filepath.Join(dir, QueueDir, "1.wal"): 30, filepath.Join(dir, "secrets.json"): 4} {
		require.NoError(t, os.WriteFile(file, make([]byte, size), 0o600))
	}
	got := figures(t, newDataSizes(dir, database))
	assert.InDelta(t, 1200, got["gochat_data_store_bytes database"], 0)
	assert.InDelta(t, 30, got["gochat_data_store_bytes queue"], 0)
	assert.Positive(t, got["gochat_data_disk_free_bytes"])
	assert.GreaterOrEqual(t, got["gochat_data_disk_size_bytes"], got["gochat_data_disk_free_bytes"])
	assert.NotContains(t, fmt.Sprint(figures(t, newDataSizes(dir, ""))), "database", "it is on a server")
}

// TestReloadsAreCounted by source and outcome. When one tune refuses a configuration, all go back to the earlier one.
func TestReloadsAreCounted(t *testing.T) {
	var failing error
	next, loaded := DefaultConfig(), &conf.Loaded{}
	roles, err := ParseRoles(nil)
	require.NoError(t, err)
	held := DefaultConfig().Limits.ContentMax
	r := newReloader(DefaultConfig(), loaded, roles, func(map[string]string) (*Config, *conf.Loaded, error) { return next, loaded, failing }, zap.NewNop())
	var refuse error
	r.tunes = append(r.tunes, func(c *Config) error { held = c.Limits.ContentMax; return nil }, func(*Config) error { return refuse })
	r.fromFile()
	r.fromEtcd(nil)
	assert.Zero(t, figures(t, r.count)["gochat_config_reloads_total taken file"], "nothing has changed")

	next.Limits.ContentMax, next.WorkerID = 100, 7
	r.fromFile()
	assert.Equal(t, 100, held)
	next.Limits.ContentMax = 200
	refuse = errors.New("no")
	r.fromEtcd(map[string]string{"limits.content_max": "200"})
	assert.Equal(t, 100, held, "it was taken back")
	failing = errors.New("no such file")
	r.fromSignal()
	got := figures(t, r.count)
	for _, want := range []string{"taken file", "restart file", "refused etcd", "refused signal"} {
		assert.InDelta(t, 1, got["gochat_config_reloads_total "+want], 0, want)
	}
	assert.Zero(t, r.now.WorkerID, "it needs a restart")
}

// noMembers returns an empty list of members for every group.
type noMembers struct{ roster.Members }

func (noMembers) ListMemberIDs(context.Context, *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	return &pb.ListMemberIDsResponse{}, nil
}

func TestListsOfMembersAreCounted(t *testing.T) {
	r := roster.New(noMembers{})
	for range 3 {
		_, err := r.Of(t.Context(), 1, 1)
		require.NoError(t, err)
	}
	got := figures(t, rosterMetrics(r)...)
	assert.InDelta(t, 2, got["gochat_pipeline_members_cache_total hit"], 0)
	assert.InDelta(t, 1, got["gochat_pipeline_members_cache_total miss"], 0)
}
