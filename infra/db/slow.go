package db

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
	"go.uber.org/zap"
)

// slowHook measures queries and logs those that take longer than the threshold, without their literals, which
// may be users' texts.
type slowHook struct {
	threshold atomic.Int64 // nanoseconds
	// backslash: this database takes \' inside a literal as a quote.
	backslash bool
	log       *zap.Logger
	queries   *prometheus.HistogramVec
}

// BeforeQuery implements bun.QueryHook.
func (h *slowHook) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	h.begin(ctx, e)
	return ctx
}

// AfterQuery implements bun.QueryHook.
func (h *slowHook) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	took := time.Since(e.StartTime)
	h.end(e)
	h.measure(e.Query, took, e.Err)
	if h.slow(took) {
		h.observe(withoutLiterals(e.Query, h.backslash), took)
	}
}

func (h *slowHook) slow(took time.Duration) bool {
	threshold := time.Duration(h.threshold.Load())
	return threshold > 0 && took >= threshold
}

func (h *slowHook) observe(what string, took time.Duration) {
	if !h.slow(took) {
		return
	}
	h.log.Warn("slow query", zap.String("query", what), zap.Duration("took", took))
}

// maxLogged is how much of a query is logged, in bytes.
const maxLogged = 400

// withoutLiterals replaces each quoted string by a question mark. A string
// that is cut off or oddly escaped takes the rest of the query with it.
func withoutLiterals(query string, backslash bool) string {
	var b strings.Builder
	for b.Len() < maxLogged {
		i := strings.IndexByte(query, '\'')
		if i < 0 {
			b.WriteString(query)
			break
		}
		b.WriteString(query[:i])
		b.WriteByte('?')
		end := endOfLiteral(query[i+1:], backslash)
		if end < 0 {
			break
		}
		query = query[i+1+end:]
	}
	out := b.String()
	if len(out) > maxLogged {
		out = strings.ToValidUTF8(out[:maxLogged], "") + "…"
	}
	return out
}

// endOfLiteral returns where the text after the closing quote starts.
func endOfLiteral(s string, backslash bool) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && backslash:
			i++
		case s[i] == '\'':
			if i+1 < len(s) && s[i+1] == '\'' {
				i++
				continue
			}
			return i + 1
		}
	}
	return -1
}

// SetSlowQuery sets from which duration on queries are logged; zero or negative: none are.
func (d *DB) SetSlowQuery(from time.Duration) { d.hook.threshold.Store(int64(from)) }
