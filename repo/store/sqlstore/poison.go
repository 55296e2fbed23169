package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// What lists read of a poisoned record, and what is read of a whole one.
const (
	poisonHead = "record_id, uuid, consumer_group, topic, reason, error, sender, conversation_id, temp_message_id, told," +
		" trace_id, poisoned_at, requeued_at, LENGTH(payload)"
	poisonWhole = poisonHead + ", metadata, payload"
)

// KeepPoison implements store.Poison.
func (s *Store) KeepPoison(ctx context.Context, records []store.PoisonRecord) error {
	query := "INSERT INTO poison_records (uuid, consumer_group, topic, reason, error, sender, conversation_id, temp_message_id, told," +
		" trace_id, poisoned_at, metadata, payload) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"
	if s.db.Driver() == db.MySQL {
		query += " ON DUPLICATE KEY UPDATE uuid = uuid"
	} else {
		query += " ON CONFLICT (uuid, consumer_group) DO NOTHING"
	}
	for i := range records {
		r := &records[i]
		metadata, err := json.Marshal(r.Metadata)
		if err != nil {
			return fmt.Errorf("write down the metadata of record %s: %w", r.UUID, err)
		}
		payload := r.Payload
		if payload == nil {
			payload = []byte{}
		}
		err = s.db.Again(ctx, func(ctx context.Context) error {
			_, err := s.db.Writer().DB.ExecContext(ctx, query, r.UUID, r.Group, r.Topic, r.Reason, r.Error, r.Sender, r.Conversation,
				r.TempMessageID, r.Told, r.TraceID, r.PoisonedAt, string(metadata), payload)
			return err
		})
		if err != nil {
			return fmt.Errorf("keep the poisoned record %s: %w", r.UUID, transient(err))
		}
	}
	return nil
}

// RequeuedPoison implements store.Poison. It is called all the time, and therefore reads the index of
// the records that are wanted back, in the index's order.
func (s *Store) RequeuedPoison(ctx context.Context, limit int) ([]store.PoisonRecord, error) {
	return s.poison(ctx, true, "SELECT "+poisonWhole+" FROM poison_records WHERE requeued_at > 0 AND told <> ? ORDER BY requeued_at, record_id LIMIT ?",
		contracts.ToldRejected, limit)
}

// ForgetPoison implements store.Poison.
func (s *Store) ForgetPoison(ctx context.Context, ids []int64) (int64, error) {
	return s.changePoison(ctx, "DELETE FROM poison_records WHERE record_id IN ", ids)
}

// RequeuePoison marks records to go back to their topics, and returns how many it marked; a running
// server then puts them back. A record whose sender was told that the message will never be
// stored, or whose topic is unknown, is skipped.
func (s *Store) RequeuePoison(ctx context.Context, ids []int64, now time.Time) (int64, error) {
	return s.changePoison(ctx, fmt.Sprintf("UPDATE poison_records SET requeued_at = %d WHERE told <> '%s' AND topic <> '' AND record_id IN ",
		now.UnixMilli(), contracts.ToldRejected), ids)
}

func (s *Store) changePoison(ctx context.Context, query string, ids []int64) (changed int64, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = s.db.Again(ctx, func(ctx context.Context) error {
		res, err := s.db.Writer().DB.ExecContext(ctx, query+"("+rowMarks(len(ids), "?")+")", anys(ids)...)
		if err != nil {
			return err
		}
		changed, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("change %d poisoned records: %w", len(ids), transient(err))
	}
	return changed, nil
}

// ListPoison returns records with an id above after, in their order, without payloads and
// metadata; reason is a word, or empty for all.
func (s *Store) ListPoison(ctx context.Context, reason string, after int64, limit int) ([]store.PoisonRecord, error) {
	return s.poison(ctx, false, "SELECT "+poisonHead+" FROM poison_records WHERE record_id > ? AND (? = '' OR reason = ?) ORDER BY record_id LIMIT ?",
		after, reason, reason, limit)
}

// PoisonRecord returns a whole record, store.ErrNotFound when there is none.
func (s *Store) PoisonRecord(ctx context.Context, id int64) (store.PoisonRecord, error) {
	list, err := s.poison(ctx, true, "SELECT "+poisonWhole+" FROM poison_records WHERE record_id = ?", id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("poisoned record %d: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return store.PoisonRecord{}, err
	}
	return list[0], nil
}

func (s *Store) poison(ctx context.Context, whole bool, query string, args ...any) (out []store.PoisonRecord, err error) {
	rows, err := s.db.Primary().DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read poisoned records: %w", transient(err))
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scanPoison(rows, whole)
		if err != nil {
			return nil, fmt.Errorf("read a poisoned record: %w", transient(err))
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read poisoned records: %w", transient(err))
	}
	return out, nil
}

func scanPoison(rows *sql.Rows, whole bool) (r store.PoisonRecord, err error) {
	into := []any{
		&r.ID, &r.UUID, &r.Group, &r.Topic, &r.Reason, &r.Error, &r.Sender, &r.Conversation, &r.TempMessageID, &r.Told,
		&r.TraceID, &r.PoisonedAt, &r.RequeuedAt, &r.Size,
	}
	var metadata string
	if whole {
		into = append(into, &metadata, &r.Payload)
	}
	if err := rows.Scan(into...); err != nil || !whole {
		return r, err
	}
	if err := json.NewDecoder(strings.NewReader(metadata)).Decode(&r.Metadata); err != nil {
		return r, fmt.Errorf("the metadata of record %d: %w", r.ID, err)
	}
	return r, nil
}
