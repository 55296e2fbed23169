// Package obs sets up what people see of a running process: logs, metrics and
// traces.
package obs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"
)

// The forms of a log: log.format.
const (
	FormatAuto    = "auto"    // console on a terminal, else JSON
	FormatConsole = "console" // for people
	FormatJSON    = "json"    // for machines
)

// LogConfig says what is logged, how and where.
type LogConfig struct {
	// Level is debug, info, warn or error; it can be changed at run time.
	Level string `mapstructure:"level"`
	// Format is FormatAuto, FormatConsole or FormatJSON.
	Format string `mapstructure:"format"`
	// File, when set, gets the log instead of standard error and is rotated.
	File string `mapstructure:"file"`
	// MaxSizeMB, MaxFiles and MaxAgeDays bound the rotated files; 0 days: of any age.
	MaxSizeMB  int `mapstructure:"max_size_mb"`
	MaxFiles   int `mapstructure:"max_files"`
	MaxAgeDays int `mapstructure:"max_age_days"`
	// Compress packs the rotated files by gzip.
	Compress bool `mapstructure:"compress"`
	// SampleFirst is how many lines with the same message are written in a second; beyond these only each
	// SampleEvery-th is. SampleFirst 0: all are written. Errors always are.
	SampleFirst int `mapstructure:"sample_first"`
	SampleEvery int `mapstructure:"sample_every"`
}

// DefaultLogConfig returns the defaults.
func DefaultLogConfig() LogConfig {
	return LogConfig{Level: "info", Format: FormatAuto, MaxSizeMB: 100, MaxFiles: 5, SampleFirst: 100, SampleEvery: 100}
}

// Validate says what is wrong, naming the setting.
func (c LogConfig) Validate() error {
	if _, err := zapcore.ParseLevel(c.Level); err != nil {
		return fmt.Errorf("log.level %q: must be debug, info, warn or error", c.Level)
	}
	switch c.Format {
	case FormatAuto, FormatConsole, FormatJSON:
		return nil
	}
	return fmt.Errorf("log.format %q: must be auto, console or json", c.Format)
}

// Log is a process's log.
type Log struct {
	*zap.Logger
	// Level can be changed at run time.
	Level zap.AtomicLevel

	lines lineCount
	file  io.Closer
}

// Lines counts the lines that were written and those that sampling left out.
func (l *Log) Lines() prometheus.Collector { return l.lines.total }

// Open returns a log on stderr or a file.
func (c LogConfig) Open(stderr io.Writer) (*Log, error) {
	level, err := c.level()
	if err != nil {
		return nil, err
	}
	sink, file, err := c.sink(stderr)
	if err != nil {
		return nil, err
	}
	lines := newLineCount()
	core := c.sampled(zapcore.NewCore(c.encoder(stderr), sink, level), lines)
	return &Log{Logger: zap.New(core), Level: level, lines: lines, file: file}, nil
}

// Around returns a log that writes through another logger: a line is written if the other logger lets it
// through, and this log's level and sampling do. Format and File have no effect.
func (c LogConfig) Around(other *zap.Logger) (*Log, error) {
	level, err := c.level()
	if err != nil {
		return nil, err
	}
	lines := newLineCount()
	return &Log{
		Logger: other.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return c.sampled(quieter{core, level}, lines) })),
		Level:  level, lines: lines,
	}, nil
}

func (c LogConfig) level() (zap.AtomicLevel, error) {
	if err := c.Validate(); err != nil {
		return zap.AtomicLevel{}, err
	}
	level, err := zap.ParseAtomicLevel(c.Level)
	if err != nil {
		return level, fmt.Errorf("log.level: %w", err)
	}
	return level, nil
}

// quieter lets a line through if its core does and a level does.
type quieter struct {
	zapcore.Core
	level zapcore.LevelEnabler
}

// Enabled implements zapcore.Core, as the methods after it do.
func (q quieter) Enabled(at zapcore.Level) bool { return q.level.Enabled(at) && q.Core.Enabled(at) }

// With keeps the level.
func (q quieter) With(fields []zapcore.Field) zapcore.Core {
	return quieter{q.Core.With(fields), q.level}
}

// Check asks the core only for what the level lets through.
func (q quieter) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !q.level.Enabled(e.Level) {
		return to
	}
	return q.Core.Check(e, to)
}

// Close closes the file, if there is one. Nothing may be logged afterwards.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close the log: %w", err)
	}
	return nil
}

func (c LogConfig) encoder(stderr io.Writer) zapcore.Encoder {
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.ISO8601TimeEncoder
	if c.Format == FormatConsole || c.Format == FormatAuto && c.File == "" && terminal(stderr) {
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		return zapcore.NewConsoleEncoder(enc)
	}
	return zapcore.NewJSONEncoder(enc)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// sink opens the file once, so that a wrong path is an error at the start and not a log without lines.
func (c LogConfig) sink(stderr io.Writer) (zapcore.WriteSyncer, io.Closer, error) {
	if c.File == "" {
		return zapcore.Lock(zapcore.AddSync(stderr)), nil, nil
	}
	f, err := os.OpenFile(c.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, nil, errors.Join(errors.New("log.file cannot be written"), err)
	}
	rotated := &lumberjack.Logger{
		Filename: c.File, MaxSize: c.MaxSizeMB, MaxBackups: c.MaxFiles, MaxAge: c.MaxAgeDays, Compress: c.Compress,
	}
	if c.MaxAgeDays == 0 {
		return zapcore.AddSync(rotated), rotated, nil
	}
	daily, err := newAging(rotated, time.Now)
	if err != nil {
		return nil, nil, err
	}
	return zapcore.AddSync(daily), daily, nil
}
