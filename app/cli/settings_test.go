package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
	"github.com/gochat/gochat/infra/mq"
)

// TestEverySettingIsDescribed: the table and the configuration name the same settings,
// and the defaults are within their bounds.
func TestEverySettingIsDescribed(t *testing.T) {
	require.NoError(t, conf.Complete(app.DefaultConfig(), app.Settings))
	require.NoError(t, conf.Check(app.DefaultConfig(), app.Settings))
}

// TestAWorkerTakesTheLongestRun: the greatest router.run that its range allows does not make a start fail.
func TestAWorkerTakesTheLongestRun(t *testing.T) {
	for _, s := range app.Settings {
		if s.Path == "router.run" {
			require.NoError(t, mq.SubscriberConfig{Run: s.Max.(int), Lanes: 1}.WithDefaults().Validate())
		}
	}
}

// TestSettingsOutOfRange: for every setting that is a number, a value below or above the
// range ends the start with an error that names the setting, and a value within the range
// is printed by "gochat config" as it was given.
func TestSettingsOutOfRange(t *testing.T) {
	step := func(v any, by int) string {
		switch v := v.(type) {
		case time.Duration:
			return conf.Format(v + time.Duration(by))
		case int:
			return conf.Format(v + by)
		case float64:
			return conf.Format(v + float64(by)/8)
		}
		t.Fatalf("a bound of the type %T", v)
		return ""
	}
	for _, s := range app.Settings {
		if s.Min == nil {
			continue
		}
		wrong := []string{step(s.Min, -1), step(s.Max, 1)}
		if s.NoZero {
			wrong = append(wrong, "0")
		}
		for _, value := range wrong {
			var stdout, stderr syncBuffer
			flag := "--" + strings.NewReplacer(".", "-", "_", "-").Replace(s.Path)
			require.Equal(t, 1, run(t.Context(), []string{"config", flag + "=" + value}, &stdout, &stderr), "%s=%s", s.Path, value)
			assert.Contains(t, stderr.String(), s.Path, "%s=%s", s.Path, value)
		}
	}
}

// TestConfigDescribesEverySetting: what it is for, what it may be, and whether a running
// process takes it up.
func TestConfigDescribesEverySetting(t *testing.T) {
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), []string{"config"}, &stdout, &stderr), stderr.String())
	for _, s := range app.Settings {
		assert.Contains(t, stdout.String(), s.About)
	}
	assert.Contains(t, stdout.String(), "100ms to 1h0m0s")
	assert.Contains(t, stdout.String(), "[reloads]")
}
