// Package sqlstore keeps the repositories' data in SQLite, MySQL or MariaDB.
package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// messageColumns are in the order of scanMessage and of the insert.
const messageColumns = "conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at, extra"

// Store reads and changes everything but messages, which Saver writes. It is
// safe for concurrent use.
type Store struct {
	db  *db.DB
	log *zap.Logger
	// uncounted is the time, in Unix nanoseconds, until which recountSoon does nothing, since it
	// failed a moment ago.
	uncounted atomic.Int64
}

// New returns a store over a migrated database.
func New(d *db.DB) *Store { return &Store{db: d, log: d.Log()} }

func scanMessage(rows *sql.Rows) (store.Message, error) {
	var m store.Message
	var extra sql.NullString
	err := rows.Scan(&m.ConversationID, &m.Seq, &m.ID, &m.SenderID, &m.ClientID, &m.Content, &m.Type, &m.Timestamp, &extra)
	if err == nil {
		m.Extra, err = parseExtra(extra)
	}
	return m, err
}

// parseExtra reads what formatExtra wrote.
func parseExtra(text sql.NullString) (*store.Extra, error) {
	if !text.Valid || text.String == "" {
		return nil, nil //nolint:nilnil // most messages have none
	}
	var e store.Extra
	if err := json.Unmarshal([]byte(text.String), &e); err != nil {
		return nil, fmt.Errorf("read what a message has beside its text: %w", err)
	}
	return &e, nil
}

// formatExtra returns a column's value.
func formatExtra(e *store.Extra) (any, error) {
	if e == nil {
		return nil, nil //nolint:nilnil // SQL's NULL
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write what a message has beside its text: %w", err)
	}
	return string(text), nil
}

// read runs a raw query, with bound values, and logs it when it is slow.
func (s *Store) read(ctx context.Context, pool *sql.DB, query string, args []any, scan func(*sql.Rows) error) (err error) {
	defer func(start time.Time) { s.db.Observe(query, start, err) }(time.Now())
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return transient(err)
	}
	return transient(each(rows, scan))
}

// away reports whether an error is the database's condition and not the call's fault: it may pass by
// itself, or an operator has to mend something (a password, a right, a table, a file).
func away(err error) bool { return db.IsTransient(err) || db.IsServers(err) }

// transient makes errors that may be tried again wrap store.ErrUnavailable. The result may be logged:
// it has no private data.
func transient(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || !away(err) {
		return db.Private(err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, db.Private(err))
}

// tx runs fn in a transaction, and again when that may help: fn has to bear running twice.
func (s *Store) tx(ctx context.Context, fn func(context.Context, bun.Tx) error) error {
	return s.db.Again(ctx, func(ctx context.Context) error { return s.db.Tx(ctx, fn) })
}

// marks is n placeholders.
func marks(n int) string { return rowMarks(n, "?") }

// rowMarks is n times row, with commas.
func rowMarks(n int, row string) string { return strings.TrimSuffix(strings.Repeat(row+",", n), ",") }

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

// maxIn is how many values one IN list holds.
const maxIn = 500

// Tips implements store.Messages.
func (s *Store) Tips(ctx context.Context, conversations []string) (map[string]store.Tip, error) {
	out := make(map[string]store.Tip, len(conversations))
	for chunk := range slices.Chunk(conversations, maxIn) {
		err := s.read(ctx, s.db.Primary().DB,
			"SELECT conversation_id, last_seq, changed_seq, expired_seq FROM conversations WHERE conversation_id IN ("+marks(len(chunk))+")", anys(chunk),
			func(rows *sql.Rows) error {
				var id string
				var tip store.Tip
				if err := rows.Scan(&id, &tip.Last, &tip.Changed, &tip.Expired); err != nil {
					return err
				}
				out[id] = tip
				return nil
			})
		if err != nil {
			return nil, fmt.Errorf("read the ends of %d conversations: %w", len(chunk), err)
		}
	}
	return out, nil
}

// Page implements store.Messages. It reads the primary.
func (s *Store) Page(ctx context.Context, p store.Page) ([]store.Message, error) {
	query := "SELECT " + messageColumns + " FROM messages WHERE conversation_id = ? AND seq_id > ?"
	args := []any{p.ConversationID, int64(p.After)}
	if p.Before > 0 {
		query += " AND seq_id < ?"
		args = append(args, int64(p.Before))
	}
	order := " ORDER BY seq_id DESC LIMIT ?"
	if p.Oldest {
		order = " ORDER BY seq_id LIMIT ?"
	}
	out := make([]store.Message, 0, min(p.Limit, 256))
	err := s.read(ctx, s.db.Primary().DB, query+order, append(args, p.Limit), collect(&out))
	if err != nil {
		return nil, fmt.Errorf("read messages of %s: %w", p.ConversationID, err)
	}
	if !p.Oldest {
		slices.Reverse(out)
	}
	return out, nil
}

func collect(out *[]store.Message) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		m, err := scanMessage(rows)
		if err != nil {
			return err
		}
		*out = append(*out, m)
		return nil
	}
}

// spansAQuery is how many spans one query reads; SQLite takes expressions of at most
// 1,000 levels.
const spansAQuery = 100

// Spans implements store.Messages. A replica is asked first. It is behind when a span is not whole,
// since numbers have no holes, or when it lacks the conversation's newest change, which was
// stored together with what it changed. Such spans are read again from the primary.
func (s *Store) Spans(ctx context.Context, spans []store.Span) ([][]store.Message, error) {
	var out [][]store.Message
	var behind []int
	answered := s.db.TryReplica(ctx, func(ctx context.Context, pool *sql.DB) (whole bool, err error) {
		probes := withChanges(spans)
		if out, err = s.spans(ctx, pool, probes); err != nil {
			return false, err
		}
		behind = lacking(out, spans, probes)
		out = out[:len(spans)]
		// Any replica may lack the newest messages; one of which no span can be used is behind.
		return len(behind) < len(spans), nil
	})
	if !answered {
		return s.spans(ctx, s.db.Primary().DB, spans)
	}
	again := make([]store.Span, len(behind))
	for j, i := range behind {
		again[j] = spans[i]
	}
	fresh, err := s.spans(ctx, s.db.Primary().DB, again)
	if err != nil {
		return nil, err
	}
	for j, i := range behind {
		out[i] = fresh[j]
	}
	return out, nil
}

// withChanges appends for each span of a changed conversation the one message that made
// the newest change, in the spans' order.
func withChanges(spans []store.Span) []store.Span {
	out := slices.Clone(spans)
	for _, sp := range spans {
		if sp.Changed > 0 {
			out = append(out, store.Span{ConversationID: sp.ConversationID, From: sp.Changed - 1, To: sp.Changed})
		}
	}
	return out
}

// lacking returns the indexes of the spans that are not whole, or older than their
// newest change.
func lacking(lists [][]store.Message, spans, probes []store.Span) (out []int) {
	probe := len(spans)
	for i, sp := range spans {
		short := uint64(len(lists[i])) < sp.To-sp.From
		if sp.Changed > 0 && probe < len(probes) {
			short = short || len(lists[probe]) == 0
			probe++
		}
		if short {
			out = append(out, i)
		}
	}
	return out
}

func (s *Store) spans(ctx context.Context, pool *sql.DB, spans []store.Span) ([][]store.Message, error) {
	out := make([][]store.Message, len(spans))
	of := make(map[string][]int, len(spans))
	for i, sp := range spans {
		of[sp.ConversationID] = append(of[sp.ConversationID], i)
	}
	// Ranges of one index, which need no table in between: on MariaDB twice as fast as a
	// UNION of as many reads.
	const part = "(conversation_id = ? AND seq_id > ? AND seq_id <= ?)"
	for base := 0; base < len(spans); base += spansAQuery {
		chunk := spans[base:min(base+spansAQuery, len(spans))]
		args := make([]any, 0, 3*len(chunk))
		for _, sp := range chunk {
			args = append(args, sp.ConversationID, int64(sp.From), int64(sp.To))
		}
		query := "SELECT " + messageColumns + " FROM messages WHERE " + part + strings.Repeat(" OR "+part, len(chunk)-1)
		err := s.read(ctx, pool, query+" ORDER BY conversation_id, seq_id", args, func(rows *sql.Rows) error {
			m, err := scanMessage(rows)
			if err != nil {
				return err
			}
			for _, i := range of[m.ConversationID] {
				// Spans of the same conversation may be in chunks of their own.
				if i >= base && i < base+len(chunk) && m.Seq > spans[i].From && m.Seq <= spans[i].To {
					out[i] = append(out[i], m)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read messages of %d conversations: %w", len(chunk), err)
		}
	}
	return out, nil
}

// ByClientID implements store.Messages.
func (s *Store) ByClientID(ctx context.Context, senderID int64, clientID string) (store.Message, error) {
	var found []store.Message
	err := s.read(ctx, s.db.Primary().DB,
		"SELECT "+messageColumns+" FROM messages WHERE sender_id = ? AND client_msg_id = ?", []any{senderID, clientID}, collect(&found))
	if err != nil {
		return store.Message{}, fmt.Errorf("look for a message of user %d: %w", senderID, err)
	}
	if len(found) == 0 {
		return store.Message{}, store.ErrNotFound
	}
	return found[0], nil
}
