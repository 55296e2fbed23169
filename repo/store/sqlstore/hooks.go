package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// disorder is how much older a message may be than the message before it, since gateways have
// clocks of their own. A hook that begins now, and a replay since a time, begin so much earlier.
const disorder = time.Minute

// unsettled is the cursor of a conversation of which nobody has looked yet with which number the
// hook begins.
const unsettled = -1

// BeginHooks implements store.Hooks.
func (s *Store) BeginHooks(ctx context.Context, hooks []store.HookBegin) error {
	now := time.Now().UnixMilli()
	insert := "INSERT INTO webhook_hooks (hook, begun_at) VALUES (?, ?) ON CONFLICT (hook) DO NOTHING"
	if s.db.Driver() == db.MySQL {
		insert = "INSERT IGNORE INTO webhook_hooks (hook, begun_at) VALUES (?, ?)"
	}
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, h := range hooks {
			at := now
			if h.FromStart {
				at = 0
			}
			if _, err := tx.Tx.ExecContext(ctx, insert, h.Hook, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("begin %d hooks: %w", len(hooks), transient(err))
	}
	return nil
}

// raise returns the end of the statement that raises news_seq. MySQL evaluates assignments in
// their order, with the new values of columns that were assigned before: news_seq comes last.
func (s *Store) raise() string {
	if s.db.Driver() == db.MySQL {
		return " ON DUPLICATE KEY UPDATE" +
			" pending_since = IF(due_at = 0 AND VALUES(news_seq) > news_seq, VALUES(pending_since), pending_since)," +
			" due_at = IF(due_at = 0 AND VALUES(news_seq) > news_seq, VALUES(due_at), due_at)," +
			" news_seq = GREATEST(news_seq, VALUES(news_seq))"
	}
	return " ON CONFLICT (hook, conversation_id) DO UPDATE SET" +
		" pending_since = CASE WHEN due_at = 0 THEN excluded.pending_since ELSE pending_since END," +
		" due_at = CASE WHEN due_at = 0 THEN excluded.due_at ELSE due_at END," +
		" news_seq = excluded.news_seq WHERE excluded.news_seq > news_seq"
}

// mark is a row to be raised.
type mark struct {
	hook, conversation string
	news               uint64
}

// RaiseNews implements store.Hooks.
func (s *Store) RaiseNews(ctx context.Context, hooks []string, news map[string]uint64) error {
	marks := make([]mark, 0, len(hooks)*len(news))
	for _, hook := range hooks {
		for conv, seq := range news {
			marks = append(marks, mark{hook, conv, seq})
		}
	}
	return s.raiseMarks(ctx, marks)
}

// raiseMarks writes rows in one order, so that processes do not deadlock.
func (s *Store) raiseMarks(ctx context.Context, marks []mark) error {
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(strings.Compare(a.hook, b.hook), strings.Compare(a.conversation, b.conversation))
	})
	now := time.Now().UnixMilli()
	for chunk := range slices.Chunk(marks, maxIn) {
		args := make([]any, 0, 5*len(chunk))
		for _, m := range chunk {
			args = append(args, m.hook, m.conversation, int64(m.news), now, now)
		}
		query := "INSERT INTO webhook_cursors (hook, conversation_id, news_seq, due_at, pending_since) VALUES " + //nolint:gosec // placeholders only
			rowMarks(len(chunk), "(?,?,?,?,?)") + s.raise()
		start := time.Now()
		err := s.db.Again(ctx, func(ctx context.Context) error {
			_, err := s.db.Writer().DB.ExecContext(ctx, query, args...)
			return err
		})
		s.db.Observe(query, start, err)
		if err != nil {
			return fmt.Errorf("note news of %d conversations for webhooks: %w", len(chunk), transient(err))
		}
	}
	return nil
}

// listed is a conversation as a scan sees it.
type listed struct {
	id   string
	last uint64
	// lastAt is when anything was stored last.
	lastAt int64
}

// conversationsAfter reads a page of all conversations; next is empty after the last.
func (s *Store) conversationsAfter(ctx context.Context, after string, limit int) (page []listed, next string, err error) {
	err = s.read(ctx, s.db.Primary().DB,
		"SELECT conversation_id, last_seq, last_message_at, stored_at FROM conversations WHERE conversation_id > ? ORDER BY conversation_id LIMIT ?",
		[]any{after, limit}, func(rows *sql.Rows) error {
			var c listed
			var storedAt int64
			if err := rows.Scan(&c.id, &c.last, &c.lastAt, &storedAt); err != nil {
				return err
			}
			c.lastAt = max(c.lastAt, storedAt)
			page = append(page, c)
			return nil
		})
	if err != nil {
		return nil, "", fmt.Errorf("list conversations: %w", err)
	}
	if len(page) == limit {
		next = page[limit-1].id
	}
	return page, next, nil
}

// ScanNews implements store.Hooks. A conversation without a cursor has news for a hook only when
// something was stored in it since the hook began.
func (s *Store) ScanNews(ctx context.Context, hooks []string, after string, limit int) (string, int, error) {
	page, next, err := s.conversationsAfter(ctx, after, limit)
	if err != nil || len(page) == 0 {
		return "", 0, err
	}
	begun, err := s.begun(ctx)
	if err != nil {
		return "", 0, err
	}
	known, err := s.known(ctx, hooks, page[0].id, page[len(page)-1].id)
	if err != nil {
		return "", 0, err
	}
	var marks []mark
	raised := map[string]bool{}
	for _, c := range page {
		for _, hook := range hooks {
			at, there := begun[hook]
			news, has := known[mark{hook: hook, conversation: c.id}]
			if there && c.last > news && (has || c.lastAt >= at-disorder.Milliseconds()) {
				marks = append(marks, mark{hook, c.id, c.last})
				raised[c.id] = true
			}
		}
	}
	return next, len(raised), s.raiseMarks(ctx, marks)
}

// begun returns when each hook began.
func (s *Store) begun(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.read(ctx, s.db.Primary().DB, "SELECT hook, begun_at FROM webhook_hooks", nil, func(rows *sql.Rows) error {
		var hook string
		var at int64
		if err := rows.Scan(&hook, &at); err != nil {
			return err
		}
		out[hook] = at
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list hooks: %w", err)
	}
	return out, nil
}

// known returns the numbers that hooks know of the conversations from one id to another; news of
// the keys is 0.
func (s *Store) known(ctx context.Context, hooks []string, from, to string) (map[mark]uint64, error) {
	out := map[mark]uint64{}
	for _, hook := range hooks {
		err := s.read(ctx, s.db.Primary().DB,
			"SELECT conversation_id, news_seq FROM webhook_cursors WHERE hook = ? AND conversation_id >= ? AND conversation_id <= ?",
			[]any{hook, from, to}, func(rows *sql.Rows) error {
				m := mark{hook: hook}
				var news uint64
				if err := rows.Scan(&m.conversation, &news); err != nil {
					return err
				}
				out[m] = news
				return nil
			})
		if err != nil {
			return nil, fmt.Errorf("read the cursors of hook %s: %w", hook, err)
		}
	}
	return out, nil
}
