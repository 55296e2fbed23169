package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// HookStats implements store.HookStates. It reads the cursors of conversations that wait, of one hook after the other:
// joined to the hooks, MySQL would read all cursors.
func (s *Store) HookStats(ctx context.Context) (out []store.HookStat, err error) {
	primary := s.db.Primary().DB
	err = s.read(ctx, primary, "SELECT hook, begun_at, error, error_at, taken_at FROM webhook_hooks ORDER BY hook", nil,
		func(rows *sql.Rows) error {
			var h store.HookStat
			err := rows.Scan(&h.Hook, &h.BegunAt, &h.Error, &h.ErrorAt, &h.TakenAt)
			out = append(out, h)
			return err
		})
	for i := range out {
		if err != nil {
			break
		}
		h := &out[i]
		// Of a conversation whose cursor is unsettled, one message is counted.
		err = s.read(ctx, primary, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN seq < 0 THEN 1 ELSE news_seq - seq END), 0),"+
			" COALESCE(MIN(pending_since), 0) FROM webhook_cursors WHERE hook = ? AND due_at > 0",
			[]any{h.Hook}, func(rows *sql.Rows) error { return rows.Scan(&h.Conversations, &h.Messages, &h.WaitingSince) })
	}
	if err != nil {
		return nil, fmt.Errorf("ask how the hooks do: %w", err)
	}
	return out, nil
}

// replayPage is how many conversations a replay looks at in one transaction, so that others
// can write between two transactions.
const replayPage = 200

// ReplayHook moves cursors of a hook back, never forward. The claim of a process that has taken
// such a conversation does not hold any more. store.ErrNotFound when there is no such hook or
// conversation. After a failure half-way the call can be repeated.
func (s *Store) ReplayHook(ctx context.Context, r store.Replay) (store.Replayed, error) {
	var total store.Replayed
	at, err := begunAt(ctx, s.db.Primary().DB, r.Hook)
	if err != nil {
		return total, transient(err)
	}
	for after, more := "", true; more; more = after != "" {
		var page []listed
		if r.ConversationID != "" {
			page, err = s.oneConversation(ctx, r.ConversationID)
		} else {
			page, after, err = s.conversationsAfter(ctx, after, replayPage)
		}
		if err != nil {
			return total, err
		}
		var one store.Replayed
		err = s.tx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			one, err = s.replay(ctx, tx.Tx, r, at, page)
			return err
		})
		if err != nil {
			return total, fmt.Errorf("replay to hook %s: %w", r.Hook, transient(err))
		}
		total.Conversations += one.Conversations
		total.Messages += one.Messages
	}
	return total, nil
}

func (s *Store) oneConversation(ctx context.Context, id string) ([]listed, error) {
	tips, err := s.Tips(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	tip, there := tips[id]
	if !there {
		return nil, fmt.Errorf("conversation %s: %w", id, store.ErrNotFound)
	}
	return []listed{{id: id, last: tip.Last, lastAt: time.Now().UnixMilli()}}, nil
}

func (s *Store) replay(ctx context.Context, tx *sql.Tx, r store.Replay, begunAt int64, page []listed) (out store.Replayed, err error) {
	for _, c := range page {
		if c.last == 0 || r.FromSeq == 0 && c.lastAt < r.Since.Add(-disorder).UnixMilli() {
			continue
		}
		goal := int64(r.FromSeq) - 1
		if r.FromSeq == 0 {
			if goal, err = seqBefore(ctx, tx, c.id, r.Since.UnixMilli()); err != nil {
				return out, err
			}
		}
		seq, err := cursorOf(ctx, tx, r.Hook, c.id, begunAt)
		if err != nil {
			return out, err
		}
		if goal >= min(seq, int64(c.last)) {
			continue // the receiver gets it anyway
		}
		out.Conversations++
		out.Messages += min(seq, int64(c.last)) - goal
		if r.Try {
			continue
		}
		now := time.Now().UnixMilli()
		if _, err := tx.ExecContext(ctx, s.moveBack(), r.Hook, c.id, goal, int64(c.last), now, now); err != nil {
			return out, err
		}
	}
	return out, nil
}

// cursorOf returns the hook's cursor, or the number after which the hook will begin.
func cursorOf(ctx context.Context, tx *sql.Tx, hook, conversation string, begunAt int64) (int64, error) {
	seq := int64(unsettled)
	err := queryEach(ctx, tx, "SELECT seq FROM webhook_cursors WHERE hook = ? AND conversation_id = ?", []any{hook, conversation},
		func(rows *sql.Rows) error { return rows.Scan(&seq) })
	if err != nil || seq != unsettled {
		return seq, err
	}
	return seqBefore(ctx, tx, conversation, begunAt)
}

func (s *Store) moveBack() string {
	insert := "INSERT INTO webhook_cursors (hook, conversation_id, seq, news_seq, due_at, pending_since, claim, replays)" +
		" VALUES (?, ?, ?, ?, ?, ?, 1, 1)"
	if s.db.Driver() == db.MySQL {
		return insert + " ON DUPLICATE KEY UPDATE seq = VALUES(seq), news_seq = GREATEST(news_seq, VALUES(news_seq))," +
			" due_at = VALUES(due_at), pending_since = VALUES(pending_since), tries = 0, leased = 0, claim = claim + 1, replays = replays + 1"
	}
	return insert + " ON CONFLICT (hook, conversation_id) DO UPDATE SET seq = excluded.seq, news_seq = max(news_seq, excluded.news_seq)," +
		" due_at = excluded.due_at, pending_since = excluded.pending_since, tries = 0, leased = 0, claim = claim + 1, replays = replays + 1"
}

// ForgetHook deletes a hook with its cursors, so that a hook of this name begins anew.
// store.ErrNotFound when there is none.
func (s *Store) ForgetHook(ctx context.Context, hook string) error {
	// The hook goes first: without it nothing is taken any more.
	res, err := s.db.Writer().DB.ExecContext(ctx, "DELETE FROM webhook_hooks WHERE hook = ?", hook)
	if err != nil {
		return fmt.Errorf("forget hook %s: %w", hook, transient(err))
	}
	gone, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("forget hook %s: %w", hook, err)
	}
	query := "DELETE FROM webhook_cursors WHERE hook = ? AND conversation_id IN" +
		" (SELECT conversation_id FROM webhook_cursors WHERE hook = ? LIMIT ?)"
	args := []any{hook, hook, maxIn}
	if s.db.Driver() == db.MySQL {
		query, args = "DELETE FROM webhook_cursors WHERE hook = ? LIMIT ?", []any{hook, maxIn}
	}
	total := gone
	for n := int64(1); n > 0; total += n {
		err := s.db.Again(ctx, func(ctx context.Context) error {
			res, err := s.db.Writer().DB.ExecContext(ctx, query, args...)
			if err == nil {
				n, err = res.RowsAffected()
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("forget the cursors of hook %s: %w", hook, transient(err))
		}
	}
	if total == 0 {
		return fmt.Errorf("hook %s: %w", hook, store.ErrNotFound)
	}
	return nil
}
