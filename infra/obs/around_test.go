package obs

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// TestALogAroundAnother says what both let through, and its level may change.
func TestALogAroundAnother(t *testing.T) {
	core, seen := observer.New(zap.InfoLevel)
	cfg := DefaultLogConfig()
	cfg.Level, cfg.SampleFirst = "warn", 3
	log, err := cfg.Around(zap.New(core).With(zap.String("program", "other")))
	require.NoError(t, err)
	log.Info("quiet")
	log.Warn("loud", zap.Int("n", 1))
	log.Level.SetLevel(zapcore.DebugLevel)
	log.Debug("the other one's level")
	for range 10 {
		log.With(zap.Int("n", 2)).Info("flood")
	}
	require.NoError(t, log.Close())
	var said []string
	for _, e := range seen.All() {
		said = append(said, e.Message)
		assert.Equal(t, "other", e.ContextMap()["program"])
	}
	assert.Equal(t, []string{"loud", "flood", "flood", "flood"}, said)
	assert.InDelta(t, 7, testutil.ToFloat64(log.lines.total.WithLabelValues("info", "dropped")), 0)
	cfg.Level = "shrill"
	_, err = cfg.Around(zap.NewNop())
	require.ErrorContains(t, err, "log.level")
}
