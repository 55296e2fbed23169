// Package verify reads the store and says whether what GoChat promises is true of
// it. It only reads, and may run beside a live system.
package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gochat/gochat/infra/db"
)

// Report is what was found.
type Report struct {
	Conversations int64 `json:"conversations"`
	Messages      int64 `json:"messages"`
	// Problems are violations in words, at most MaxProblems of them.
	Problems []string `json:"problems"`
	// Violations counts all violations, also those that Problems has no room for.
	Violations int64 `json:"violations"`
}

// Whole reports whether nothing is wrong.
func (r *Report) Whole() bool { return r.Violations == 0 }

// MaxProblems bounds the list of a report.
const MaxProblems = 50

// pageSize is how many conversations one query looks at.
const pageSize = 500

func (r *Report) add(format string, args ...any) {
	r.Violations++
	if len(r.Problems) < MaxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Verify checks that each conversation's numbers are 1..last_seq without a hole,
// that ids and idempotency keys are unique, that read positions are within the
// conversation, and that nothing refers to what does not exist. Violations are in the
// report; an error says that reading failed.
func Verify(ctx context.Context, d *db.DB) (_ *Report, err error) {
	pool := d.Primary().DB
	if d.Driver() == db.MySQL {
		patient, closed, err2 := d.Patient() // some of it takes long
		if err2 != nil {
			return nil, fmt.Errorf("verify: %w", err2)
		}
		defer func() { err = errors.Join(err, closed()) }()
		pool = patient.DB
	}
	r := &Report{}
	if err := r.sequences(ctx, pool); err != nil {
		return nil, err
	}
	for _, c := range checks {
		if err := r.rows(ctx, pool, c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// sequences checks that numbers have no holes. (conversation_id, seq_id) is the primary key:
// when the lowest number is 1 and there are as many numbers as the highest, none is missing. One
// statement sees one moment, so that a live system does not look broken.
func (r *Report) sequences(ctx context.Context, pool *sql.DB) error {
	const query = `SELECT c.conversation_id, c.last_seq, COUNT(m.seq_id), COALESCE(MIN(m.seq_id), 1), COALESCE(MAX(m.seq_id), 0)
		FROM (SELECT conversation_id, last_seq FROM conversations WHERE conversation_id > ? ORDER BY conversation_id LIMIT ?) c
		LEFT JOIN messages m ON m.conversation_id = c.conversation_id
		GROUP BY c.conversation_id, c.last_seq ORDER BY c.conversation_id`
	after := ""
	for {
		n := 0
		err := each(ctx, pool, query, []any{after, pageSize}, func(rows *sql.Rows) error {
			var last, count, low, high int64
			if err := rows.Scan(&after, &last, &count, &low, &high); err != nil {
				return err
			}
			n++
			r.Conversations++
			r.Messages += count
			if low != 1 || count != high {
				r.add("%s has a hole: %d messages from %d to %d", after, count, low, high)
			}
			if high != last {
				r.add("%s: the newest message is %d and last_seq %d", after, high, last)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("verify sequences: %w", err)
		}
		if n < pageSize {
			return nil
		}
	}
}

// check is a query that finds nothing in a whole store; its columns fill the
// sentence.
type check struct {
	what, query, sentence string
	columns               int
}

var checks = []check{
	{
		"message ids", "SELECT message_id, COUNT(*) FROM messages GROUP BY message_id HAVING COUNT(*) > 1",
		"message id %v is there %v times", 2,
	},
	{
		"idempotency keys", "SELECT sender_id, client_msg_id, COUNT(*) FROM messages GROUP BY sender_id, client_msg_id HAVING COUNT(*) > 1",
		"user %v stored tempMessageId %v %v times", 3,
	},
	{
		"read positions", `SELECT m.user_id, m.conversation_id, m.read_seq, m.join_seq, c.last_seq FROM conversation_members m
			JOIN conversations c ON c.conversation_id = m.conversation_id WHERE m.read_seq > c.last_seq OR m.join_seq > c.last_seq`,
		"user %v in %v: read_seq %v or join_seq %v is beyond last_seq %v", 5,
	},
	{
		"delivered positions", `SELECT d.user_id, d.conversation_id, d.delivered_seq, c.last_seq FROM delivered_positions d
			JOIN conversations c ON c.conversation_id = d.conversation_id WHERE d.delivered_seq > c.last_seq`,
		"user %v in %v: delivered_seq %v is beyond last_seq %v", 4,
	},
	{
		"senders", `SELECT DISTINCT m.sender_id, m.conversation_id FROM messages m LEFT JOIN conversation_members cm
			ON cm.conversation_id = m.conversation_id AND cm.user_id = m.sender_id WHERE cm.user_id IS NULL AND m.message_type <> 'system'`,
		"user %v has messages in %v and was never in it", 2,
	},
	{
		"conversations of messages", `SELECT DISTINCT m.conversation_id FROM messages m LEFT JOIN conversations c
			ON c.conversation_id = m.conversation_id WHERE c.conversation_id IS NULL`,
		"%v has messages and does not exist", 1,
	},
	{
		"members", `SELECT m.user_id, m.conversation_id FROM conversation_members m LEFT JOIN users u ON u.user_id = m.user_id
			WHERE u.user_id IS NULL`,
		"user %v is in %v and does not exist", 2,
	},
	{
		"groups", "SELECT g.group_id, g.conversation_id FROM `groups` g LEFT JOIN conversations c" +
			" ON c.conversation_id = g.conversation_id AND c.group_id = g.group_id WHERE c.conversation_id IS NULL",
		"group %v has no conversation %v", 2,
	},
	{
		"counts of groups", "SELECT g.group_id, g.member_count, c.member_count FROM `groups` g JOIN conversations c" +
			" ON c.conversation_id = g.conversation_id WHERE g.dissolved_at = 0 AND g.member_count <> c.member_count",
		"group %v has %v members, and its conversation counts %v", 3,
	},
	{
		"changes of messages", `SELECT conversation_id, changed_seq, last_seq FROM conversations WHERE changed_seq > last_seq`,
		"%v: changed_seq %v is beyond last_seq %v", 3,
	},
	{
		"counts of messages", `SELECT conversation_id, counted_seq, last_seq FROM conversations WHERE counted_seq > last_seq`,
		"%v: messages are counted up to %v, beyond last_seq %v", 3,
	},
	{
		"expired messages", `SELECT conversation_id, expired_seq, last_seq FROM conversations WHERE expired_seq > last_seq`,
		"%v: messages have expired up to %v, beyond last_seq %v", 3,
	},
	{
		"what expired messages say", `SELECT m.conversation_id, m.seq_id, c.expired_seq FROM conversations c JOIN messages m
			ON m.conversation_id = c.conversation_id AND m.seq_id <= c.expired_seq
			WHERE c.expired_seq > 0 AND m.message_type <> 'system' AND (m.content <> '' OR COALESCE(m.extra, '') NOT LIKE '%"expired":true%')`,
		"%v: message %v still has content or is not marked as expired, and messages up to %v have expired", 3,
	},
	{
		"system messages", "SELECT k.conversation_id, k.seq_id FROM message_skips k LEFT JOIN messages m" +
			" ON m.conversation_id = k.conversation_id AND m.seq_id = k.seq_id AND m.message_type = 'system' WHERE m.seq_id IS NULL",
		"%v: message %v is counted as a system message and is none", 2,
	},
	{
		"conversations of groups", "SELECT c.conversation_id, c.group_id FROM conversations c LEFT JOIN `groups` g ON g.group_id = c.group_id" +
			" WHERE c.type = 2 AND g.group_id IS NULL",
		"%v is of group %v, which does not exist", 2,
	},
	{
		"members of groups", "SELECT gm.user_id, gm.group_id FROM group_members gm LEFT JOIN `groups` g ON g.group_id = gm.group_id" +
			" LEFT JOIN conversation_members cm ON cm.conversation_id = g.conversation_id AND cm.user_id = gm.user_id AND cm.left_seq IS NULL" +
			" WHERE cm.user_id IS NULL",
		"user %v is a member of group %v and not in its conversation", 2,
	},
	{
		"sizes of groups", "SELECT g.group_id, g.member_count, COUNT(gm.user_id) FROM `groups` g LEFT JOIN group_members gm" +
			" ON gm.group_id = g.group_id WHERE g.dissolved_at = 0 GROUP BY g.group_id, g.member_count HAVING g.member_count <> COUNT(gm.user_id)",
		"group %v says that it has %v members and has %v", 3,
	},
}

func (r *Report) rows(ctx context.Context, pool *sql.DB, c check) error {
	err := each(ctx, pool, c.query, nil, func(rows *sql.Rows) error {
		values := make([]any, c.columns)
		into := make([]any, c.columns)
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range values {
			if b, raw := v.([]byte); raw {
				values[i] = string(b)
			}
		}
		r.add(c.sentence, values...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("verify %s: %w", c.what, err)
	}
	return nil
}

func each(ctx context.Context, pool *sql.DB, query string, args []any, do func(*sql.Rows) error) error {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what it would say, Err says
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
