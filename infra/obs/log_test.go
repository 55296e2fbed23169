package obs

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

func TestTheFormOfTheLog(t *testing.T) {
	for _, c := range []struct {
		format string
		json   bool
	}{{FormatAuto, true}, {FormatJSON, true}, {FormatConsole, false}} {
		cfg := DefaultLogConfig()
		cfg.Format = c.format
		var out bytes.Buffer // which is no terminal
		log, err := cfg.Open(&out)
		require.NoError(t, err)
		log.Info("hello", zap.Int("n", 1))
		require.NoError(t, log.Close())
		var line map[string]any
		err = json.Unmarshal(out.Bytes(), &line)
		assert.Equal(t, c.json, err == nil, "%s: %s", c.format, out.String())
		assert.Contains(t, out.String(), "hello")
	}
	cfg := DefaultLogConfig()
	cfg.Format = "xml"
	_, err := cfg.Open(&bytes.Buffer{})
	require.ErrorContains(t, err, `log.format "xml": must be auto, console or json`)
}

// TestFilesOfTheLogAreBounded: by their size, and by how many are kept.
func TestFilesOfTheLogAreBounded(t *testing.T) {
	dir := t.TempDir()
	cfg := DefaultLogConfig()
	cfg.File, cfg.MaxSizeMB, cfg.MaxFiles, cfg.SampleFirst = filepath.Join(dir, "gochat.log"), 1, 2, 0
	log, err := cfg.Open(&bytes.Buffer{})
	require.NoError(t, err)
	words := strings.Repeat("x", 64<<10)
	for range 16 * 5 {
		log.Info(words)
	}
	require.NoError(t, log.Close())
	require.Eventually(t, func() bool { // files are removed beside the log's writing
		files, err := os.ReadDir(dir)
		return err == nil && len(files) == 3
	}, eventually, tick)
	info, err := os.Stat(cfg.File)
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(1<<20))
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	cfg.File = filepath.Join(dir, "nowhere", "gochat.log")
	_, err = cfg.Open(&bytes.Buffer{})
	require.ErrorContains(t, err, "log.file")
}

// TestAFloodOfLinesIsSampled: by its words, and never an error.
func TestAFloodOfLinesIsSampled(t *testing.T) {
	const lines = 1000
	for _, c := range []struct {
		name         string
		first        int
		debug, error int
	}{{"sampled", 10, 10 + (lines-10)/100, lines}, {"all", 0, lines, lines}} {
		cfg := DefaultLogConfig()
		cfg.Level, cfg.SampleFirst, cfg.SampleEvery = "debug", c.first, 100
		var out bytes.Buffer
		log, err := cfg.Open(&out)
		require.NoError(t, err)
		child := log.With(zap.String("from", "a child"))
		for range lines {
			child.Debug("flood")
			child.Error("broken")
		}
		child.Debug("drop")
		// A second may end meanwhile, and another one begin with lines of its own.
		floods := strings.Count(out.String(), "flood")
		assert.GreaterOrEqual(t, floods, c.debug, c.name)
		assert.LessOrEqual(t, floods, max(c.debug, lines/4), c.name)
		assert.Equal(t, c.error, strings.Count(out.String(), "broken"), c.name)
		assert.Contains(t, out.String(), "drop", c.name)
		assert.Equal(t, 2*lines+1, strings.Count(out.String(), "a child")+int(dropped(t, log)), c.name)
	}
}

func dropped(t *testing.T, log *Log) float64 {
	t.Helper()
	total := 0.0
	for _, level := range []string{"debug", "info", "warn", "error"} {
		total += testutil.ToFloat64(log.lines.total.WithLabelValues(level, "dropped"))
	}
	return total
}

func TestALineSaysOnWhoseBehalf(t *testing.T) {
	id := trace.TraceID{1}
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{2}}))
	assert.Empty(t, Fields(context.Background()))
	assert.Equal(t, []zap.Field{zap.Stringer("trace_id", id), zap.String("request_id", "r"), zap.Int64("user_id", 7)},
		Fields(WithCaller(ctx, Caller{Request: "r", User: 7})))
}
