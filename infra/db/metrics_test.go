package db_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
)

func TestStatementsAndPoolsAreMeasured(t *testing.T) {
	t.Parallel()
	d := open(t, db.Config{Path: filepath.Join(t.TempDir(), "test.db")}, zap.NewNop())
	ctx := t.Context()
	for _, q := range []string{"CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)", " insert INTO t VALUES (2)", "UPDATE t SET a = 3", "DELETE FROM t"} {
		_, err := d.Writer().NewRaw(q).Exec(ctx)
		require.NoError(t, err)
	}
	_, err := d.Writer().NewRaw("INSERT INTO nowhere VALUES (1)").Exec(ctx)
	require.Error(t, err)
	d.Observe("SELECT a FROM t", time.Now(), nil)
	d.Observe("save messages", time.Now(), context.DeadlineExceeded)

	// The writer is one connection: while it is held, others wait.
	tx, err := d.Writer().BeginTx(ctx, nil)
	require.NoError(t, err)
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	require.Error(t, d.Writer().PingContext(short))
	require.NoError(t, tx.Rollback())

	reg := prometheus.NewRegistry()
	require.NoError(t, reg.Register(d))
	families, err := reg.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for what, want := range map[string]float64{"insert ok": 2, "insert error": 1, "update ok": 1, "delete ok": 1, "select ok": 1, "other canceled": 1} {
		assert.InDelta(t, want, got["gochat_repo_database_query_seconds "+what], 0, what)
	}
	assert.InDelta(t, 1, got["gochat_repo_database_connections_max writer"], 0)
	assert.InDelta(t, 1, got["gochat_repo_database_waits_total writer"], 0)
	assert.Positive(t, got["gochat_repo_database_wait_seconds_total writer"])
	assert.Contains(t, got, "gochat_repo_database_connections reader idle")
}
