package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/repotest"
	"github.com/gochat/gochat/repo/store"
)

// BenchmarkSave measures transactions of different sizes: what a stored
// message costs when so many wait together.
func BenchmarkSave(b *testing.B) {
	for _, size := range []int{1, 32, 512, 1500} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) {
			d := benchOpen(b, db.Config{Path: filepath.Join(b.TempDir(), "bench.db")})
			benchSave(b, d, bench{conversations: 200, senders: 400, run: size, callers: 1})
		})
	}
}

// BenchmarkSaveOnMySQL measures callers who store runs at the same time, with few
// and with many conversations, and with more lanes.
func BenchmarkSaveOnMySQL(b *testing.B) {
	d := benchOpen(b, repotest.MySQL(b))
	for _, conversations := range []int{100, 200, 10_000, 100_000} {
		for _, lanes := range []int{1, 2, 4, 8} {
			for _, run := range []int{1, 16} {
				c := bench{conversations: conversations, senders: 2, run: run, callers: 512, lanes: lanes}
				b.Run(fmt.Sprintf("conversations=%d/lanes=%d/run=%d", conversations, lanes, run), func(b *testing.B) { benchSave(b, d, c) })
			}
		}
	}
}

// bench is a load: callers store runs of consecutive messages of one conversation,
// or, alone, runs over all of them.
type bench struct{ conversations, senders, run, callers, lanes int }

func benchOpen(b *testing.B, cfg db.Config) *db.DB {
	b.Helper()
	d, err := db.Open(b.Context(), cfg, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	if _, err := Migrate(b.Context(), d); err != nil {
		b.Fatal(err)
	}
	return d
}

// benchIDs goes on over the benchmarks of one process: ids and keys are never
// repeated.
var benchIDs atomic.Int64

func benchSave(b *testing.B, d *db.DB, c bench) {
	ctx := context.WithoutCancel(b.Context())
	seedGroups(b, d, c)
	s, err := NewSaver(ctx, d, c.lanes, nil, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(ctx) }()
	content := strings.Repeat("x", 128)
	now := time.Now().UnixMilli()
	b.SetParallelism(max(1, c.callers/4))
	b.ResetTimer()
	save := func() error {
		run := make([]store.Message, c.run)
		last := benchIDs.Add(int64(c.run))
		conv := int(last) * 7 / c.run
		for i := range run {
			n := int(last) - i
			if c.callers == 1 {
				conv = n * 7
			}
			run[i] = store.Message{
				ID: int64(n) << 12, ConversationID: fmt.Sprintf("group_%d", 1+conv%c.conversations), SenderID: int64(1 + n*31%c.senders),
				Content: content, Type: "text", ClientID: fmt.Sprintf("%08x-%d", uint32(n)*2654435761, n), Timestamp: now,
			}
		}
		results, err := s.Save(ctx, run)
		if err != nil {
			return err
		}
		for _, r := range results {
			if r.Outcome != store.Stored {
				return fmt.Errorf("outcome %d", r.Outcome)
			}
		}
		return nil
	}
	if c.callers == 1 {
		for range b.N {
			if err := save(); err != nil {
				b.Fatal(err)
			}
		}
	} else {
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if err := save(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.StopTimer()
	rows := float64(b.N * c.run)
	b.ReportMetric(float64(b.Elapsed().Microseconds())/rows, "µs/row")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
}

// seedGroups makes the groups that are missing, with everybody in them.
func seedGroups(b *testing.B, d *db.DB, c bench) {
	b.Helper()
	var have int
	if err := d.Writer().DB.QueryRow("SELECT COUNT(*) FROM conversations WHERE type = 2").Scan(&have); err != nil {
		b.Fatal(err)
	}
	tx, err := d.Writer().DB.Begin()
	if err != nil {
		b.Fatal(err)
	}
	exec := func(query string) {
		if _, err := tx.Exec(query); err != nil {
			b.Fatal(err)
		}
	}
	for g := have + 1; g <= c.conversations; g += 500 {
		var groups, members []string
		for i := g; i < min(g+500, c.conversations+1); i++ {
			groups = append(groups, fmt.Sprintf("('group_%d',2,%d,1,1)", i, i))
			for u := range c.senders {
				members = append(members, fmt.Sprintf("('group_%d',%d)", i, u+1))
			}
		}
		exec("INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES " + strings.Join(groups, ","))
		exec("INSERT INTO conversation_members (conversation_id, user_id) VALUES " + strings.Join(members, ","))
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
