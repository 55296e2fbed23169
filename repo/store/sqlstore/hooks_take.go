package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/repo/store"
)

// TakeNews implements store.Hooks. A row's due_at is when it may be taken; of a taken row it is when
// the lease ends. A row's claim is the fence: settling with an older claim changes nothing.
func (s *Store) TakeNews(ctx context.Context, take store.Take) (store.Taken, error) {
	if len(take.Settled) == 0 && take.Note == nil {
		// Mostly nothing is due: then nothing is written.
		due, err := s.due(ctx, s.db.Primary().DB, take, 1)
		if err != nil || len(due) == 0 {
			return store.Taken{}, err
		}
	}
	var out store.Taken
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		out = store.Taken{}
		if take.Note != nil {
			if err := note(ctx, tx.Tx, take.Hook, *take.Note); err != nil {
				return err
			}
		}
		for _, settled := range take.Settled {
			held, err := settleClaim(ctx, tx.Tx, take.Hook, settled)
			if err != nil {
				return err
			}
			if !held {
				out.Lost++
			}
		}
		out.Claims, err = s.claim(ctx, tx.Tx, take)
		return err
	})
	if err != nil {
		return store.Taken{}, fmt.Errorf("take news for hook %s: %w", take.Hook, transient(err))
	}
	return out, nil
}

func note(ctx context.Context, tx *sql.Tx, hook, text string) error {
	now := time.Now().UnixMilli()
	query, args := "UPDATE webhook_hooks SET error = ?, error_at = ? WHERE hook = ?", []any{text, now, hook}
	if text == "" {
		query, args = "UPDATE webhook_hooks SET taken_at = ? WHERE hook = ?", []any{now, hook}
	}
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// settleClaim moves a cursor, if the claim still holds. MySQL evaluates assignments in their order,
// with the new values of columns that were assigned before: seq comes last.
func settleClaim(ctx context.Context, tx *sql.Tx, hook string, c store.Settled) (held bool, err error) {
	now := time.Now()
	res, err := tx.ExecContext(ctx, "UPDATE webhook_cursors SET"+
		" pending_since = CASE WHEN ? > seq THEN ? ELSE pending_since END,"+
		" due_at = CASE WHEN news_seq > ? THEN ? ELSE 0 END, tries = ?, leased = 0, claim = claim + 1, seq = ?"+
		" WHERE hook = ? AND conversation_id = ? AND claim = ?",
		int64(c.Seq), now.UnixMilli(), int64(c.Seq), now.Add(c.RetryIn).UnixMilli(), c.Tries, int64(c.Seq),
		hook, c.ConversationID, c.Claim)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// dueRow is a conversation that may be taken. seq is its cursor, which may be unsettled.
type dueRow struct {
	store.Claim
	seq int64
}

func (s *Store) due(ctx context.Context, from asker, take store.Take, limit int) (out []dueRow, err error) {
	if limit <= 0 {
		return nil, nil
	}
	err = queryEach(ctx, from, "SELECT conversation_id, seq, news_seq, tries, claim, replays FROM webhook_cursors"+
		" WHERE hook = ? AND due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?", []any{take.Hook, time.Now().UnixMilli(), limit},
		func(rows *sql.Rows) error {
			var r dueRow
			if err := rows.Scan(&r.ConversationID, &r.seq, &r.News, &r.Tries, &r.Claim.Claim, &r.Replays); err != nil {
				return err
			}
			out = append(out, r)
			return nil
		})
	return out, transient(err)
}

// claim takes what is due, except what another process takes at the same time.
func (s *Store) claim(ctx context.Context, tx *sql.Tx, take store.Take) (out []store.Claim, err error) {
	rows, err := s.due(ctx, tx, take, take.Limit)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	begunAt, err := begunAt(ctx, tx, take.Hook)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if r.seq == unsettled {
			if r.seq, err = seqBefore(ctx, tx, r.ConversationID, begunAt); err != nil {
				return nil, err
			}
		}
		r.Seq = uint64(r.seq)
		dueAt, leased := time.Now().Add(take.Lease).UnixMilli(), 1
		if r.Seq >= r.News { // all of it was there before the hook
			dueAt, leased = 0, 0
		}
		res, err := tx.ExecContext(ctx, "UPDATE webhook_cursors SET seq = ?, due_at = ?, leased = ?, claim = claim + 1"+
			" WHERE hook = ? AND conversation_id = ? AND claim = ? AND news_seq = ?",
			r.seq, dueAt, leased, take.Hook, r.ConversationID, r.Claim.Claim, int64(r.News))
		if err != nil {
			return nil, err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 || leased == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		r.Claim.Claim++
		out = append(out, r.Claim)
	}
	return out, nil
}

// begunAt returns the time from which on a hook gets messages; store.ErrNotFound.
func begunAt(ctx context.Context, from asker, hook string) (int64, error) {
	var at int64
	if err := from.QueryRowContext(ctx, "SELECT begun_at FROM webhook_hooks WHERE hook = ?", hook).Scan(&at); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return 0, fmt.Errorf("hook %s was not begun: %w", hook, store.ErrNotFound)
		}
		return 0, fmt.Errorf("look for hook %s: %w", hook, err)
	}
	return at, nil
}

// seqBefore returns a number of a conversation up to which every message is older than a time; 0
// when there is none. Numbers have no holes, and times grow with them except for disorder, so
// that a binary search finds it.
func seqBefore(ctx context.Context, from asker, conversation string, at int64) (int64, error) {
	var low, high int64
	if at <= 0 {
		return 0, nil
	}
	err := from.QueryRowContext(ctx, "SELECT last_seq FROM conversations WHERE conversation_id = ?", conversation).Scan(&high)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the last number of %s: %w", conversation, err)
	}
	for low < high {
		middle := (low + high + 1) / 2
		var created int64
		err := from.QueryRowContext(ctx, "SELECT created_at FROM messages WHERE conversation_id = ? AND seq_id = ?", conversation, middle).Scan(&created)
		if err != nil {
			return 0, fmt.Errorf("read message %d of %s: %w", middle, conversation, err)
		}
		if created < at-disorder.Milliseconds() {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// HurryHook implements store.Hooks.
func (s *Store) HurryHook(ctx context.Context, hook string) error {
	now := time.Now().UnixMilli()
	err := s.db.Again(ctx, func(ctx context.Context) error {
		_, err := s.db.Writer().DB.ExecContext(ctx,
			"UPDATE webhook_cursors SET due_at = ? WHERE hook = ? AND due_at > ? AND leased = 0", now, hook, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("hurry hook %s: %w", hook, transient(err))
	}
	return nil
}
