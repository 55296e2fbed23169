package db

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// operations are the values of the label operation.
var operations = []string{"select", "insert", "update", "delete", "other"}

// The ways in which statements end.
const (
	endOK       = "ok"
	endError    = "error"
	endCanceled = "canceled"
)

// newQueries makes the histogram of statements.
func newQueries() *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gochat_repo_database_query_seconds",
		Help:    "Time of statements by what they do and how they ended; other: several in one transaction. canceled: who asked went away or had no time left.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"operation", "outcome"})
	for _, o := range operations {
		h.WithLabelValues(o, endOK)
	}
	return h
}

// operationOf is the first word of a statement.
func operationOf(query string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(query, " \t\n("), " ")
	for _, o := range operations {
		if strings.EqualFold(word, o) {
			return o
		}
	}
	return "other"
}

func endOf(err error) string {
	switch {
	case err == nil, errors.Is(err, sql.ErrNoRows):
		return endOK
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return endCanceled
	}
	return endError
}

func (h *slowHook) measure(query string, took time.Duration, err error) {
	h.queries.WithLabelValues(operationOf(query), endOf(err)).Observe(took.Seconds())
}

var (
	connectionsDesc = prometheus.NewDesc("gochat_repo_database_connections", "Connections to the database.", []string{"pool", "state"}, nil)
	mostDesc        = prometheus.NewDesc("gochat_repo_database_connections_max", "Connections that a pool may have.", []string{"pool"}, nil)
	waitsDesc       = prometheus.NewDesc("gochat_repo_database_waits_total", "Calls that waited for a connection.", []string{"pool"}, nil)
	waitedDesc      = prometheus.NewDesc("gochat_repo_database_wait_seconds_total", "Time spent waiting for a connection.", []string{"pool"}, nil)
	replicaDesc     = prometheus.NewDesc("gochat_repo_replica_reads_total", "Reads of a database's replica, by how they went.", []string{"replica", "outcome"}, nil)
)

// Describe implements prometheus.Collector.
func (d *DB) Describe(ch chan<- *prometheus.Desc) {
	d.hook.queries.Describe(ch)
	for _, desc := range []*prometheus.Desc{connectionsDesc, mostDesc, waitsDesc, waitedDesc, replicaDesc} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector: statements, pools and replicas.
func (d *DB) Collect(ch chan<- prometheus.Metric) {
	d.hook.queries.Collect(ch)
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	counter := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, v, labels...)
	}
	for pool, s := range d.Stats() {
		gauge(connectionsDesc, float64(s.InUse), pool, "used")
		gauge(connectionsDesc, float64(s.Idle), pool, "idle")
		gauge(mostDesc, float64(s.MaxOpenConnections), pool)
		counter(waitsDesc, float64(s.WaitCount), pool)
		counter(waitedDesc, s.WaitDuration.Seconds(), pool)
	}
	for name, n := range d.ReplicaReads() {
		for outcome, count := range map[string]int64{"served": n.Served, "late": n.Late, "failed": n.Failed} {
			counter(replicaDesc, float64(count), name, outcome)
		}
	}
}
