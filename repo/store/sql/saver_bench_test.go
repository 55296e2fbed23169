package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

const (
	benchConversations = 200
	benchSenders       = 400
)

// BenchmarkSave measures transactions of different sizes: what a stored
// message costs when so many wait together.
func BenchmarkSave(b *testing.B) {
	for _, size := range []int{1, 32, 512, 1500} {
		b.Run(fmt.Sprintf("group=%d", size), func(b *testing.B) { benchSave(b, size) })
	}
}

func benchSave(b *testing.B, size int) {
	ctx := context.Background()
	d, err := db.Open(ctx, db.Config{Path: filepath.Join(b.TempDir(), "bench.db")}, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if _, err := Migrate(ctx, d); err != nil {
		b.Fatal(err)
	}
	seedGroups(b, d)
	s, err := NewSaver(ctx, d, nil, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(ctx) }()
	content := strings.Repeat("x", 128)
	now := time.Now().UnixMilli()
	n := 0
	b.ResetTimer()
	for range b.N {
		run := make([]store.Message, size)
		for i := range run {
			n++
			run[i] = store.Message{
				ID: int64(n) << 12, ConversationID: fmt.Sprintf("group_%d", 1+n*7%benchConversations), SenderID: int64(1 + n*31%benchSenders),
				Content: content, Type: "text", ClientID: fmt.Sprintf("%08x-%d", uint32(n)*2654435761, n), Timestamp: now,
			}
		}
		results, err := s.Save(ctx, run)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if r.Outcome != store.Stored {
				b.Fatalf("outcome %d", r.Outcome)
			}
		}
	}
	b.StopTimer()
	rows := float64(b.N * size)
	b.ReportMetric(float64(b.Elapsed().Microseconds())/rows, "µs/row")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
}

func seedGroups(b *testing.B, d *db.DB) {
	b.Helper()
	tx, err := d.Writer().DB.Begin()
	if err != nil {
		b.Fatal(err)
	}
	exec := func(query string, args ...any) {
		if _, err := tx.Exec(query, args...); err != nil {
			b.Fatal(err)
		}
	}
	for g := 1; g <= benchConversations; g++ {
		id := fmt.Sprintf("group_%d", g)
		exec("INSERT INTO conversations (conversation_id, type, group_id, last_message_at, created_at) VALUES (?,2,?,1,1)", id, g)
		for u := 1; u <= benchSenders; u++ {
			exec("INSERT INTO conversation_members (conversation_id, user_id) VALUES (?,?)", id, u)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}
