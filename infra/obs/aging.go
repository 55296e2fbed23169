package obs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"
)

// aging rotates a log's file at the first line of each day (UTC). lumberjack looks at ages only when it
// rotates, and by itself rotates only for size: in a quiet process lines of any age would stay.
type aging struct {
	*lumberjack.Logger
	now func() time.Time

	mu  sync.Mutex
	day string // of the last line in the file; empty: there is none
}

// newAging continues the file of an earlier process, whose day is that of its last line.
func newAging(file *lumberjack.Logger, now func() time.Time) (*aging, error) {
	a := &aging{Logger: file, now: now}
	switch info, err := os.Stat(file.Filename); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("look at the log's file: %w", err)
	case info.Size() > 0:
		a.day = day(info.ModTime())
	}
	return a, nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Write implements io.Writer. When the file cannot be rotated, the new day's lines go into it as well.
func (a *aging) Write(line []byte) (int, error) {
	today := day(a.now())
	a.mu.Lock()
	before := a.day
	a.day = today
	a.mu.Unlock()
	if before != "" && before != today {
		_ = a.Rotate() // the line matters more; the next day tries again
	}
	return a.Logger.Write(line) //nolint:wrapcheck // it is the writer
}
