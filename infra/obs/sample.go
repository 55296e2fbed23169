package obs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
)

// lineCount counts lines by level and by outcome: written or dropped.
type lineCount struct {
	total   *prometheus.CounterVec
	written map[zapcore.Level]prometheus.Counter
	dropped map[zapcore.Level]prometheus.Counter
}

func newLineCount() lineCount {
	n := lineCount{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gochat_log_lines_total", Help: "Lines of the log by level and outcome; dropped: there were too many of the same.",
		}, []string{"level", "outcome"}),
		written: map[zapcore.Level]prometheus.Counter{}, dropped: map[zapcore.Level]prometheus.Counter{},
	}
	for level := zapcore.DebugLevel; level <= zapcore.ErrorLevel; level++ {
		n.written[level] = n.total.WithLabelValues(level.String(), "written")
		n.dropped[level] = n.total.WithLabelValues(level.String(), "dropped")
	}
	return n
}

// decided is the sampler's hook: it counts a decision.
func (n lineCount) decided(e zapcore.Entry, what zapcore.SamplingDecision) {
	if what&zapcore.LogDropped != 0 {
		n.dropped[e.Level].Inc()
	} else {
		n.written[e.Level].Inc()
	}
}

// sampled bounds the cost of a flood of lines: those below error are sampled by their messages. An error is
// always written, since a client may have been given its trace id to ask about.
func (c LogConfig) sampled(core zapcore.Core, count lineCount) zapcore.Core {
	below := core
	if c.SampleFirst > 0 {
		below = zapcore.NewSamplerWithOptions(core, time.Second, c.SampleFirst, c.SampleEvery, zapcore.SamplerHook(count.decided))
	}
	return sampledCore{Core: below, errors: core, all: c.SampleFirst <= 0, count: count}
}

// sampledCore samples the lines below error and writes all errors.
type sampledCore struct {
	zapcore.Core
	errors zapcore.Core
	all    bool // nothing is sampled, so Check counts every line
	count  lineCount
}

// With implements zapcore.Core.
func (c sampledCore) With(fields []zapcore.Field) zapcore.Core {
	c.Core, c.errors = c.Core.With(fields), c.errors.With(fields)
	return c
}

// Check implements zapcore.Core.
func (c sampledCore) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Level < zapcore.ErrorLevel && !c.all {
		return c.Core.Check(e, to)
	}
	if !c.errors.Enabled(e.Level) {
		return to
	}
	if n := c.count.written[e.Level]; n != nil {
		n.Inc()
	}
	return c.errors.Check(e, to)
}
