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

// Kept implements store.Retention.
func (s *Store) Kept(ctx context.Context, conversations []string) error {
	if len(conversations) == 0 {
		return nil
	}
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		places, err := s.lockKept(ctx, tx.Tx, conversations)
		if err != nil {
			return err
		}
		for _, p := range places {
			var at sql.NullInt64
			err := queryEach(ctx, tx.Tx, "SELECT created_at FROM messages WHERE conversation_id = ? AND seq_id > ? ORDER BY seq_id LIMIT 1",
				[]any{p.id, int64(p.expired)}, func(rows *sql.Rows) error { return rows.Scan(&at) })
			if err != nil {
				return err
			}
			keptAt := int64(0)
			if at.Valid {
				keptAt = max(at.Int64, 2)
			}
			if _, err := tx.ExecContext(ctx, "UPDATE conversations SET kept_at = ? WHERE conversation_id = ?", keptAt, p.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what %d conversations keep: %w", len(conversations), transient(err))
	}
	return nil
}

// SetRetention gives a conversation a retention of its own, 0: for ever; with nil that of its kind holds
// again. store.ErrNotFound when there is no such conversation.
func (s *Store) SetRetention(ctx context.Context, conversation string, keep *time.Duration) error {
	ms := int64(byKind)
	if keep != nil {
		ms = keep.Milliseconds()
	}
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		places, err := s.lockKept(ctx, tx.Tx, []string{conversation})
		if err != nil {
			return err
		}
		if len(places) == 0 {
			return store.ErrNotFound
		}
		_, err = tx.ExecContext(ctx, "UPDATE conversations SET keep_ms = ? WHERE conversation_id = ?", ms, conversation)
		return err
	})
	if err != nil {
		return fmt.Errorf("set how long %s keeps its messages: %w", conversation, transient(err))
	}
	return nil
}

const retentionStates = "SELECT conversation_id, type, keep_ms, expired_seq, last_seq FROM conversations"

// RetentionOf returns the retention of a conversation; store.ErrNotFound.
func (s *Store) RetentionOf(ctx context.Context, conversation string) (store.RetentionState, error) {
	list, err := s.retentionStates(ctx, retentionStates+" WHERE conversation_id = ?", conversation)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("conversation %s: %w", conversation, store.ErrNotFound)
	}
	if err != nil {
		return store.RetentionState{}, err
	}
	return list[0], nil
}

// RetentionOverrides lists at most limit conversations that have a retention of their own.
func (s *Store) RetentionOverrides(ctx context.Context, limit int) (out []store.RetentionState, err error) {
	for _, kind := range kinds {
		list, err := s.retentionStates(ctx, retentionStates+s.keptIndex()+" WHERE type = ? AND keep_ms > ? ORDER BY keep_ms, kept_at LIMIT ?",
			kind, byKind, limit-len(out))
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func (s *Store) retentionStates(ctx context.Context, query string, args ...any) (out []store.RetentionState, err error) {
	err = s.read(ctx, s.db.Primary().DB, query, args, func(rows *sql.Rows) error {
		var r store.RetentionState
		var ms int64
		if err := rows.Scan(&r.ConversationID, &r.Type, &ms, &r.Expired, &r.LastSeq); err != nil {
			return err
		}
		if ms != byKind {
			own := time.Duration(ms) * time.Millisecond
			r.Override = &own
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read how long messages are kept: %w", err)
	}
	return out, nil
}

// ForgetOldPoison implements store.Retention.
func (s *Store) ForgetOldPoison(ctx context.Context, before time.Time, limit int) (int64, error) {
	var ids []int64
	err := s.read(ctx, s.db.Primary().DB, s.oldPoison(), []any{before.UnixMilli(), limit}, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for poisoned records from before %s: %w", before.Format(time.DateTime), err)
	}
	return s.changePoison(ctx, "DELETE FROM poison_records WHERE requeued_at = 0 AND record_id IN ", ids)
}

// oldPoison returns the query for old records. It forces the index by time, whatever the statistics
// say: requeued_at = 0 is true of most records.
func (s *Store) oldPoison() string {
	by := " INDEXED BY ix_poison_records_at"
	if s.db.Driver() == db.MySQL {
		by = " FORCE INDEX (ix_poison_records_at)"
	}
	return "SELECT record_id FROM poison_records" + by + " WHERE poisoned_at < ? AND requeued_at = 0 ORDER BY poisoned_at LIMIT ?"
}

// ForgetHookErrors implements store.Retention. There are as many rows as hooks.
func (s *Store) ForgetHookErrors(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	err := s.db.Again(ctx, func(ctx context.Context) error {
		res, err := s.db.Writer().DB.ExecContext(ctx, "UPDATE webhook_hooks SET error = '', error_at = 0 WHERE error_at > 0 AND error_at < ?",
			before.UnixMilli())
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget what hooks failed with before %s: %w", before.Format(time.DateTime), transient(err))
	}
	return n, nil
}
