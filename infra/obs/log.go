// Package obs sets up what people see of a running process: logs, metrics and
// traces.
package obs

import (
	"fmt"
	"io"
	"os"

	"github.com/ThreeDotsLabs/watermill"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"
)

// LogConfig says what is logged, how and where.
type LogConfig struct {
	// Level is debug, info, warn or error; it can be changed at run time.
	Level string `mapstructure:"level"`
	// Format is console or json.
	Format string `mapstructure:"format"`
	// File, when set, gets the log instead of standard error and is rotated.
	File string `mapstructure:"file"`
	// MaxSizeMB and MaxFiles bound the rotated files.
	MaxSizeMB int `mapstructure:"max_size_mb"`
	MaxFiles  int `mapstructure:"max_files"`
}

// DefaultLogConfig returns the defaults.
func DefaultLogConfig() LogConfig {
	return LogConfig{Level: "info", Format: "console", MaxSizeMB: 100, MaxFiles: 5}
}

// Validate says what is wrong, naming the setting.
func (c LogConfig) Validate() error {
	if _, err := zapcore.ParseLevel(c.Level); err != nil {
		return fmt.Errorf("log.level %q: must be debug, info, warn or error", c.Level)
	}
	if c.Format != "json" && c.Format != "console" {
		return fmt.Errorf("log.format %q: must be console or json", c.Format)
	}
	return nil
}

// NewLogger returns a logger on stderr or a file, and the level to change at
// run time. close flushes and closes it.
func NewLogger(cfg LogConfig, stderr io.Writer) (log *zap.Logger, level zap.AtomicLevel, closeLog func(), err error) {
	level, err = zap.ParseAtomicLevel(cfg.Level)
	if err != nil {
		return nil, level, nil, fmt.Errorf("log.level %q: must be debug, info, warn or error", cfg.Level)
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.ISO8601TimeEncoder
	var encoder zapcore.Encoder
	switch cfg.Format {
	case "json":
		encoder = zapcore.NewJSONEncoder(enc)
	case "console":
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(enc)
	default:
		return nil, level, nil, fmt.Errorf("log.format %q: must be console or json", cfg.Format)
	}
	closeLog = func() {}
	sink := zapcore.Lock(zapcore.AddSync(stderr))
	if cfg.File != "" {
		// Open it once now, so that a wrong path is a sentence at start and not a
		// silent log.
		f, err := os.OpenFile(cfg.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, level, nil, fmt.Errorf("log.file: %w", err)
		}
		_ = f.Close()
		rotated := &lumberjack.Logger{Filename: cfg.File, MaxSize: cfg.MaxSizeMB, MaxBackups: cfg.MaxFiles}
		sink = zapcore.AddSync(rotated)
		closeLog = func() { _ = rotated.Close() }
	}
	return zap.New(zapcore.NewCore(encoder, sink, level)), level, closeLog, nil
}

// Watermill hands the library's log to zap; its chatter about single messages
// is debug.
func Watermill(log *zap.Logger) watermill.LoggerAdapter { return watermillLog{log} }

type watermillLog struct{ log *zap.Logger }

func fields(f watermill.LogFields) []zap.Field {
	out := make([]zap.Field, 0, len(f))
	for k, v := range f {
		if k != "not_sent_message" { // it would print a message's body
			out = append(out, zap.Any(k, v))
		}
	}
	return out
}

// handlerFailed is the library's line about a handler's error, which the handlers' own
// middleware logs with what the library does not know.
const handlerFailed = "Handler returned error"

func (w watermillLog) Error(msg string, err error, f watermill.LogFields) {
	if msg == handlerFailed {
		return
	}
	w.log.Error(msg, append(fields(f), zap.Error(err))...)
}

func (w watermillLog) Info(msg string, f watermill.LogFields) {
	if w.log.Core().Enabled(zap.DebugLevel) {
		w.log.Debug(msg, fields(f)...)
	}
}

func (w watermillLog) Debug(msg string, f watermill.LogFields) { w.Info(msg, f) }

// Trace is called for every message: it is dropped.
func (w watermillLog) Trace(string, watermill.LogFields) {}

func (w watermillLog) With(f watermill.LogFields) watermill.LoggerAdapter {
	return watermillLog{w.log.With(fields(f)...)}
}
