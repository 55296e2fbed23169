package app

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/infra/health"
)

// TestWhatAProcessGoesOnWithoutIsToldOnce: a dependency is logged once when it fails, once when
// its state gets worse, and once when it is ok again.
func TestWhatAProcessGoesOnWithoutIsToldOnce(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	l := dependencyLog{log: zap.New(core), since: map[string]lack{}}
	begin := time.Now()
	away := errors.New("connection refused")
	degraded := fmt.Errorf("%w: %w", health.ErrDegraded, away)
	for i, step := range []struct {
		cache, database error
		want            string // the log's new line
	}{
		{nil, nil, ""},
		{degraded, nil, "this process goes on without a dependency: cache"},
		{degraded, nil, ""},
		{degraded, away, "a dependency is down: database"},
		{degraded, away, ""},
		{away, away, "a dependency is down: cache"},
		{nil, away, "a dependency is well again: cache"},
		{nil, nil, "a dependency is well again: database"},
		{nil, nil, ""},
	} {
		l.tell(map[string]error{"cache": step.cache, "database": step.database}, begin.Add(time.Duration(i)*time.Second))
		var got string
		for _, one := range logs.TakeAll() {
			fields := one.ContextMap()
			got += fmt.Sprint(one.Message, ": ", fields["dependency"])
			if one.Level == zap.WarnLevel {
				require.Contains(t, fields["error"], away.Error())
			}
			if after, ok := fields["after"]; ok && fields["dependency"] == "cache" {
				require.Equal(t, 5*time.Second, after)
			}
		}
		require.Equal(t, step.want, got, "step %d", i)
	}
}
