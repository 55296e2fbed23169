package obs

import (
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// recentLines is how many different lines Recent keeps; a message or a value is cut to twice valueMax bytes.
const (
	recentLines = 50
	valueMax    = 80
)

// safeFields are the fields that Recent keeps besides a line's message: names of parts of the program, never
// users' names, texts or tokens. Errors are not among them, since they repeat what others answered.
var safeFields = []string{
	"caller_role", "dependency", "election", "group", "handler", "limit", "method", "outcome", "partition", "reason",
	"role", "router", "service", "settings", "source", "stage", "state", "topic", "trace_id",
}

// Line is a warning or an error of the log, without the fields that only the log may have.
type Line struct {
	// At is the time of the last of Count lines that tell the same.
	At      time.Time
	Count   int
	Level   string
	Message string
	Fields  map[string]string
}

// Recent is a core of a logger that keeps the last warnings and errors, whatever the log's level. Safe for
// concurrent use.
type Recent struct {
	with []zapcore.Field
	kept *kept
}

type kept struct {
	mu    sync.Mutex
	lines []Line // the newest last
}

// NewRecent returns a core that has seen nothing.
func NewRecent() *Recent { return &Recent{kept: &kept{}} }

// Lines returns what is kept, the newest first.
func (r *Recent) Lines() []Line {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	out := slices.Clone(r.kept.lines)
	slices.Reverse(out)
	return out
}

// Enabled implements zapcore.Core, as the methods after it do.
func (r *Recent) Enabled(level zapcore.Level) bool { return level >= zapcore.WarnLevel }

// With keeps fields for the lines to come.
func (r *Recent) With(fields []zapcore.Field) zapcore.Core {
	return &Recent{with: append(slices.Clone(r.with), safe(fields)...), kept: r.kept}
}

// Check takes warnings and worse.
func (r *Recent) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if r.Enabled(e.Level) {
		return ce.AddCore(e, r)
	}
	return ce
}

// Write keeps a line, and drops the oldest one when there is no room.
func (r *Recent) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(r.with, safe(fields)) {
		f.AddTo(enc)
	}
	line := Line{At: e.Time, Count: 1, Level: e.Level.String(), Message: short(e.Message), Fields: map[string]string{}}
	for name, value := range enc.Fields {
		if text, ok := value.(string); ok {
			line.Fields[name] = short(text)
		}
	}
	r.kept.add(line)
	return nil
}

// Sync has nothing to do.
func (r *Recent) Sync() error { return nil }

func (k *kept) add(line Line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	same := slices.IndexFunc(k.lines, func(l Line) bool { return l.same(line) })
	if same >= 0 {
		line.Count += k.lines[same].Count
		k.lines = slices.Delete(k.lines, same, same+1)
	}
	if len(k.lines) >= recentLines {
		k.lines = slices.Delete(k.lines, 0, 1)
	}
	k.lines = append(k.lines, line)
}

// same reports whether two lines are the same except for their times and traces.
func (l Line) same(o Line) bool {
	if l.Level != o.Level || l.Message != o.Message || len(l.Fields) != len(o.Fields) {
		return false
	}
	for name, value := range l.Fields {
		if other, there := o.Fields[name]; name != "trace_id" && (!there || other != value) {
			return false
		}
	}
	return true
}

func safe(fields []zapcore.Field) []zapcore.Field {
	var out []zapcore.Field
	for _, f := range fields {
		if slices.Contains(safeFields, f.Key) && (f.Type == zapcore.StringType || f.Type == zapcore.StringerType) {
			out = append(out, f)
		}
	}
	return out
}

// short cuts a long text.
func short(text string) string {
	if len(text) <= valueMax*2 {
		return text
	}
	return strings.ToValidUTF8(text[:valueMax*2], "") + "…"
}
