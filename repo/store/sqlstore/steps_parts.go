package sqlstore

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"
)

// A table of millions of rows is copied in parts, each of which is committed by itself: the progress is
// logged, the program can be stopped at once, and the write-ahead log does not grow by the whole table.
// So on SQLite the statements up to the last such copy are outside of the migration's transaction.
//
// A migration that is stopped meanwhile begins anew: it must drop the target of an earlier try, make the
// target again, and copy. Without the drop, the copy would lack what an older program changed in the
// source between the two tries.

// partsLine marks the statement that copies in parts. The statement is INSERT … SELECT … FROM source, without
// more behind it; the key is an integer that is unique in the source.
var partsLine = regexp.MustCompile(`(?m)^--gochat:parts (\w+)$`)

var copied = regexp.MustCompile(`(?is)^INSERT OR IGNORE INTO (\w+) .* FROM (\w+)$`)

// parts says how many rows a part has, and how often the progress of a copy is told.
type parts struct {
	rows int
	tell time.Duration
}

// aloneIn returns how many of the first steps run outside of the migration's transaction.
func aloneIn(steps []step) int {
	for i := len(steps); i > 0; i-- {
		if steps[i-1].parts != "" {
			return i
		}
	}
	return 0
}

// copyInParts runs the step once for each part of its source.
func (s step) copyInParts(ctx context.Context, pool bun.IDB, w *watch) error {
	names := copied.FindStringSubmatch(s.query)
	if names == nil {
		return fmt.Errorf("%.60q… is not INSERT OR IGNORE INTO a table (…) SELECT … FROM a table, and is not copied in parts", s.query)
	}
	to, from := names[1], names[2]
	var total, done, last int64
	if err := pool.NewRaw("SELECT COUNT(*), COALESCE(MIN(?0), 0) - 1 FROM ?1", bun.Ident(s.parts), bun.Ident(from)).Scan(ctx, &total, &last); err != nil {
		return fmt.Errorf("count what is to be copied from %s: %w", from, err)
	}
	told := time.Now()
	for done < total {
		w.next(false)
		var rows int64
		var end int64
		if err := pool.NewRaw("SELECT COUNT(*), COALESCE(MAX(?0), 0) FROM (SELECT ?0 FROM ?1 WHERE ?0 > ?2 ORDER BY ?0 LIMIT ?3)",
			bun.Ident(s.parts), bun.Ident(from), last, w.rows).Scan(ctx, &rows, &end); err != nil {
			return fmt.Errorf("find the next part of %s: %w", from, err)
		}
		if rows == 0 {
			return nil
		}
		if _, err := pool.NewRaw(s.query+" WHERE ?0 > ?1 AND ?0 <= ?2 ORDER BY ?0", bun.Ident(s.parts), last, end).Exec(ctx); err != nil {
			return fmt.Errorf("copy a part of %s to %s: %w", from, to, err)
		}
		done, last = done+rows, end
		if time.Since(told) >= w.tell {
			told = time.Now()
			w.log.Info("the schema is brought up to date; rows of a table are copied",
				zap.String("table", from), zap.Int64("rows", done), zap.Int64("of", total))
		}
	}
	return nil
}
