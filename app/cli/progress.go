package cli

import (
	"fmt"
	"io"
	"time"
)

// progress prints the progress of an export or import, at most once a second and at the end of each table. It is
// not safe for concurrent use.
type progress struct {
	w     io.Writer
	what  string
	every time.Duration
	last  time.Time
	err   error // the first error of printing
}

func newProgress(w io.Writer, what string) *progress {
	return &progress{w: w, what: what, every: time.Second, last: time.Now()}
}

// tell is called as a transfer.Progress; of is 0 where the total is unknown.
func (p *progress) tell(table string, rows, of int64) {
	if time.Since(p.last) < p.every && (of == 0 || rows < of) || p.err != nil {
		return
	}
	p.last = time.Now()
	total := ""
	if of > rows {
		total = fmt.Sprintf(" of %d", of)
	}
	if _, err := fmt.Fprintf(p.w, "%s %s: %d%s\n", p.what, table, rows, total); err != nil {
		p.err = fmt.Errorf("print the progress: %w", err)
	}
}
