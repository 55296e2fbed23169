package app

import (
	"context"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gochat/gochat/handlers/janitor"
	"github.com/gochat/gochat/handlers/roster"
	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/infra/idgen"
)

// leadsMetric exports whether this process is the janitor's leader.
func leadsMetric(leads *atomic.Bool) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gochat_janitor_leads", Help: "1 while this process does the chores that one does for all.",
	}, func() float64 {
		if leads.Load() {
			return 1
		}
		return 0
	})
}

// onlineUsers exports how many users are online, in the process that counts them: the janitor's leader.
type onlineUsers struct{ onlineCount *janitor.OnlineCount }

var onlineDesc = prometheus.NewDesc("gochat_online_users",
	"Users who have an open socket on any gateway, counted every 15 s by the process that does the chores, at most a minute ago. "+
		"Exact while at most 4,000 users were connected within the last 40 minutes; beyond that from 4,000 of them, "+
		"which is off by less than 1.6 % of their number in 19 of 20 counts.", nil, nil)

// Describe implements prometheus.Collector, as Collect does.
func (onlineUsers) Describe(ch chan<- *prometheus.Desc) { ch <- onlineDesc }

// Collect exports the last count, and nothing when there is no recent one.
func (o onlineUsers) Collect(ch chan<- prometheus.Metric) {
	if n, known := o.onlineCount.Users(); known {
		ch <- prometheus.MustNewConstMetric(onlineDesc, prometheus.GaugeValue, float64(n))
	}
}

// idMetrics returns the metrics of the id generator.
func idMetrics(ids *idgen.Generator) []prometheus.Collector {
	counter := func(name, help string, of func(idgen.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(of(ids.Stats())) })
	}
	return []prometheus.Collector{
		counter("gochat_ids_made_total", "Ids that were made.", func(s idgen.Stats) uint64 { return s.Made }),
		counter("gochat_ids_clock_waits_total", "Waits for the clock, since the numbers of a millisecond were used up.", func(s idgen.Stats) uint64 { return s.Waits }),
		counter("gochat_ids_failures_total", "Ids that were not made, since there was no worker id for sure.", func(s idgen.Stats) uint64 { return s.Failures }),
	}
}

// leaseMetric exports how long the lease of the worker id still holds when the registry does not renew it.
func leaseMetric(deadline func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gochat_registry_worker_id_lease_seconds",
		Help: "For how long this process's worker id is certainly its own without another answer of the registry; 0: it makes no ids.",
	}, func() float64 {
		end := deadline()
		if end.IsZero() {
			return 0
		}
		return max(time.Until(end).Seconds(), 0)
	})
}

// rosterMetrics count the hits and misses of the roster.
func rosterMetrics(of *roster.Roster) []prometheus.Collector {
	counter := func(outcome string, count func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gochat_pipeline_members_cache_total", Help: "Lists of a group's members that deliveries asked for, by whether they were remembered.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, func() float64 { return float64(count()) })
	}
	return []prometheus.Collector{
		counter("hit", func() uint64 { known, _ := of.Counts(); return known }),
		counter("miss", func() uint64 { _, loaded := of.Counts(); return loaded }),
	}
}

// newReloads counts reloads of the configuration by source and outcome. Every combination begins at 0, so that an
// alert sees the first one.
func newReloads() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gochat_config_reloads_total",
		Help: "Configurations that were read again, by source (file, etcd, signal) and outcome: taken, refused (nothing has changed), restart (some settings wait for one).",
	}, []string{"source", "outcome"})
	for _, source := range []string{reloadByFile, reloadByEtcd, reloadBySignal} {
		for _, outcome := range []string{reloadTaken, reloadRestart, reloadRefused} {
			c.WithLabelValues(source, outcome)
		}
	}
	return c
}

// states exports the state of each dependency.
type states struct{ checks *health.Checks }

var stateDesc = prometheus.NewDesc("gochat_dependency_state",
	"1 for the state that a dependency is in: ok, degraded (this process goes on without it), down.", []string{"dependency", "state"}, nil)

// Describe implements prometheus.Collector, as Collect does.
func (states) Describe(ch chan<- *prometheus.Desc) { ch <- stateDesc }

// Collect exports the recent answers of the checks, or asks the dependencies when there are none; the timeout of
// the checks bounds it.
func (s states) Collect(ch chan<- prometheus.Metric) {
	for name, word := range health.Summarize(s.checks.Recent(context.Background())).Checks {
		for _, state := range []string{health.WordOK, health.WordDegraded, health.WordDown} {
			value := 0.0
			if state == word {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(stateDesc, prometheus.GaugeValue, value, name, state)
		}
	}
}

// dataSizes exports the sizes of the embedded stores, and the free space of their disk.
type dataSizes struct {
	dir string
	// stores maps the name of a store to its files and folders.
	stores map[string][]string
}

// newDataSizes measures the data directory dir. database is SQLite's file; empty: the database is not embedded.
func newDataSizes(dir, database string) dataSizes {
	stores := map[string][]string{"queue": {filepath.Join(dir, QueueDir)}}
	if database != "" {
		stores["database"] = []string{database, database + "-wal", database + "-shm"}
	}
	return dataSizes{dir: dir, stores: stores}
}

var (
	storeDesc = prometheus.NewDesc("gochat_data_store_bytes", "What an embedded store takes on the disk.", []string{"store"}, nil)
	freeDesc  = prometheus.NewDesc("gochat_data_disk_free_bytes", "Room that is left for this process on the disk of the data directory.", nil, nil)
	diskDesc  = prometheus.NewDesc("gochat_data_disk_size_bytes", "Size of the disk of the data directory.", nil, nil)
)

// Describe implements prometheus.Collector, as Collect does.
func (dataSizes) Describe(ch chan<- *prometheus.Desc) {
	ch <- storeDesc
	ch <- freeDesc
	ch <- diskDesc
}

// Collect adds up the sizes of the files; a file that is removed meanwhile counts as 0.
func (d dataSizes) Collect(ch chan<- prometheus.Metric) {
	for store, paths := range d.stores {
		total := int64(0)
		for _, p := range paths {
			total += bytesBelow(p)
		}
		ch <- prometheus.MustNewConstMetric(storeDesc, prometheus.GaugeValue, float64(total), store)
	}
	if free, size, ok := room(d.dir); ok {
		ch <- prometheus.MustNewConstMetric(freeDesc, prometheus.GaugeValue, float64(free))
		ch <- prometheus.MustNewConstMetric(diskDesc, prometheus.GaugeValue, float64(size))
	}
}

// bytesBelow returns the size of a file, or of all files below a folder. Files that cannot be read count as 0.
func bytesBelow(path string) (total int64) {
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // the file is gone, and counts as 0
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil //nolint:nilerr // as above
	})
	return total
}
