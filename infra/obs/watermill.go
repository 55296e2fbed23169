package obs

import (
	"github.com/ThreeDotsLabs/watermill"
	"go.uber.org/zap"
)

// Watermill adapts zap to the library's log; the library's info lines, about single messages, are debug.
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

// handlerFailed is the library's line about a handler's error. It is dropped: the handlers' middleware logs
// the same with more about the records.
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
