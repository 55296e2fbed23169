package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/gochat/gochat/infra/db"
)

// sizes are the numbers of rows for which statements are kept prepared on SQLite, ascending.
// Preparing a statement costs more than running it, and many small ones cost more than a large one.
var sizes = []int{1, 2, 4, 8, 16, 32, 64, 128}

// maxText bounds the text of one MySQL statement, in bytes: half of the
// smallest usual max_allowed_packet.
const maxText = 8 << 20

// statement is SQL with a part that is repeated for each row:
// head row,row,… tail. On SQLite, with one connection that writes, it is prepared for a few
// numbers of rows; on MySQL, with many connections, it is sent as text of any size.
type statement struct {
	head, row, tail string
	width           int
	prepared        map[int]*sql.Stmt
}

func (s *statement) text(rows int) string {
	return s.head + rowMarks(rows, s.row) + s.tail
}

func (s *statement) prepare(ctx context.Context, pool *sql.DB) error {
	s.prepared = make(map[int]*sql.Stmt, len(sizes))
	for _, n := range sizes {
		stmt, err := pool.PrepareContext(ctx, s.text(n)) //nolint:sqlclosecheck // close closes it
		if err != nil {
			return fmt.Errorf("prepare %q: %w", s.head, err)
		}
		s.prepared[n] = stmt
	}
	return nil
}

func (s *statement) close() error {
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// exec runs the statement over all rows, whose values lie one after the other
// in args.
func (s *statement) exec(ctx context.Context, tx *sql.Tx, args []any) error {
	for len(args) > 0 {
		n := s.fit(args)
		var err error
		if s.prepared != nil {
			_, err = tx.StmtContext(ctx, s.prepared[n]).ExecContext(ctx, args[:n*s.width]...) //nolint:sqlclosecheck // the transaction closes it
		} else {
			_, err = tx.ExecContext(ctx, s.text(n), args[:n*s.width]...)
		}
		if err != nil {
			return err
		}
		args = args[n*s.width:]
	}
	return nil
}

// fit says how many of the rows go into the next statement.
func (s *statement) fit(args []any) int {
	rows := len(args) / s.width
	if s.prepared != nil {
		for i := len(sizes) - 1; i > 0; i-- {
			if rows >= sizes[i] {
				return sizes[i]
			}
		}
		return sizes[0]
	}
	bytes := 0
	for i, a := range args {
		if text, ok := a.(string); ok {
			bytes += len(text)
		}
		if done := (i + 1) / s.width; bytes > maxText && done > 0 && done < rows {
			return done
		}
	}
	return rows
}

// query runs the statement over all rows and hands each result row to scan.
// The rows are keys to look for, so that repeating one does no harm: the last
// chunk is filled up to a prepared size with its last key.
func (s *statement) query(ctx context.Context, tx *sql.Tx, args []any, scan func(*sql.Rows) error) error {
	for len(args) > 0 {
		n := len(args) / s.width
		chunk := args
		var rows *sql.Rows
		var err error
		if s.prepared != nil {
			n, chunk = s.pad(args)
			rows, err = tx.StmtContext(ctx, s.prepared[n]).QueryContext(ctx, chunk...) //nolint:sqlclosecheck // the transaction closes it
		} else {
			rows, err = tx.QueryContext(ctx, s.text(n), chunk...)
		}
		if err != nil {
			return err
		}
		if err := each(rows, scan); err != nil {
			return err
		}
		args = args[min(n*s.width, len(args)):]
	}
	return nil
}

func (s *statement) pad(args []any) (int, []any) {
	rows := len(args) / s.width
	n := sizes[len(sizes)-1]
	for i := len(sizes) - 1; i >= 0 && sizes[i] >= rows; i-- {
		n = sizes[i]
	}
	if rows >= n {
		return n, args[:n*s.width]
	}
	last := args[len(args)-s.width:]
	padded := append(make([]any, 0, n*s.width), args...)
	for range n - rows {
		padded = append(padded, last...)
	}
	return n, padded
}

// asker is a pool or a transaction.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// queryEach runs a query and hands all rows to scan.
func queryEach(ctx context.Context, from asker, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	return each(rows, scan)
}

// each hands all rows to scan and closes them.
func each(rows *sql.Rows, scan func(*sql.Rows) error) (err error) {
	defer func() {
		if cerr := rows.Close(); cerr != nil && err == nil {
			err = cerr
		}
	}()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// statements are the statements of the saving transaction.
type statements struct {
	conversations, members, known, ids, tops *statement
	targets, roles, refused                  *statement
	insert, skips, advance, read             *statement
}

// pairsOf returns what a list of keys of several columns begins with: SQLite needs VALUES there.
func pairsOf(driver db.Driver) string {
	if driver == db.SQLite {
		return "VALUES "
	}
	return ""
}

// raises returns what the inserts of advance and read do with the rows that exist: they raise them.
func raises(driver db.Driver) (advance, read string) {
	advance = " ON CONFLICT (conversation_id) DO UPDATE SET last_seq = excluded.last_seq," +
		" counted_seq = excluded.counted_seq, skipped = excluded.skipped, message_seq = excluded.message_seq," +
		" stored_at = max(stored_at, excluded.stored_at)," +
		" last_message_at = max(last_message_at, excluded.last_message_at), changed_seq = max(changed_seq, excluded.changed_seq)"
	read = " ON CONFLICT (conversation_id, user_id) DO UPDATE SET read_seq = max(read_seq, excluded.read_seq)," +
		" sent_seq = max(sent_seq, excluded.sent_seq)"
	if driver == db.MySQL {
		advance = " ON DUPLICATE KEY UPDATE last_seq = VALUES(last_seq)," +
			" counted_seq = VALUES(counted_seq), skipped = VALUES(skipped), message_seq = VALUES(message_seq)," +
			" stored_at = GREATEST(stored_at, VALUES(stored_at))," +
			" last_message_at = GREATEST(last_message_at, VALUES(last_message_at)), changed_seq = GREATEST(changed_seq, VALUES(changed_seq))"
		read = " ON DUPLICATE KEY UPDATE read_seq = GREATEST(read_seq, VALUES(read_seq))," +
			" sent_seq = GREATEST(sent_seq, VALUES(sent_seq))"
	}
	return advance, read
}

func newStatements(driver db.Driver) *statements {
	pairs, lock, orFail, byKey := pairsOf(driver), "", "OR FAIL ", ""
	advance, read := raises(driver)
	if driver == db.MySQL {
		lock, orFail = " FOR UPDATE", ""
		// Whatever the statistics say: a scan would read the table, and wait for rows
		// that others have locked.
		byKey = " FORCE INDEX (PRIMARY)"
	}
	return &statements{
		conversations: &statement{width: 1,
			head: "SELECT conversation_id, type, last_seq, dissolved_at, changed_seq, members_version, member_count, member_peak, shrunk_at," +
				" counted_seq, skipped, message_seq, kept_at FROM conversations" + byKey + " WHERE conversation_id IN (", row: "?",
			tail: ") ORDER BY conversation_id" + lock},
		members: &statement{width: 2,
			head: "SELECT conversation_id, user_id, join_seq, EXISTS (SELECT 1 FROM refused_sends)" +
				" FROM conversation_members" + byKey + " WHERE (conversation_id, user_id) IN (" + pairs,
			row: "(?,?)", tail: ") AND left_seq IS NULL"},
		known: &statement{width: 2,
			head: "SELECT " + messageColumns + " FROM messages WHERE (sender_id, client_msg_id) IN (" + pairs,
			row:  "(?,?)", tail: ")"},
		refused: &statement{width: 2,
			head: "SELECT sender_id, client_msg_id FROM refused_sends WHERE (sender_id, client_msg_id) IN (" + pairs,
			row:  "(?,?)", tail: ")"},
		targets: &statement{width: 2,
			head: "SELECT " + messageColumns + " FROM messages" + byKey + " WHERE (conversation_id, seq_id) IN (" + pairs,
			row:  "(?,?)", tail: ")"},
		roles: &statement{width: 2,
			head: "SELECT group_id, user_id, role FROM group_members" + byKey + " WHERE (group_id, user_id) IN (" + pairs,
			row:  "(?,?)", tail: ")"},
		ids: &statement{width: 1, row: "?", tail: ")",
			head: "SELECT message_id, sender_id, client_msg_id FROM messages WHERE message_id IN ("},
		// One look at the end of the primary key for each, where GROUP BY would read them all.
		tops: &statement{width: 1,
			head: "SELECT c.conversation_id, COALESCE((SELECT MAX(m.seq_id) FROM messages m" +
				" WHERE m.conversation_id = c.conversation_id), 0) FROM conversations c WHERE c.conversation_id IN (",
			row: "?", tail: ")"},
		// OR FAIL keeps the rows before the one that fails. The transaction is rolled back
		// in any case, and SQLite needs no statement journal then, which halves the cost.
		insert: &statement{width: 9, head: "INSERT " + orFail + "INTO messages (" + messageColumns + ") VALUES ",
			row: "(?,?,?,?,?,?,?,?,?)"},
		// The rows exist: they were read in this transaction.
		advance: &statement{width: 8, tail: advance, row: "(?,0,?,?,?,0,?,?,?,?)",
			head: "INSERT INTO conversations (conversation_id, type, last_seq, last_message_at, stored_at, created_at, changed_seq," +
				" counted_seq, skipped, message_seq) VALUES "},
		skips: skipsStatement(driver),
		read: &statement{width: 4, tail: read, row: "(?,?,?,?)",
			head: "INSERT INTO conversation_members (conversation_id, user_id, read_seq, sent_seq) VALUES "},
	}
}

func (s *statements) all() []*statement {
	return []*statement{
		s.conversations, s.members, s.known, s.ids, s.tops, s.targets, s.roles, s.refused, s.insert, s.skips, s.advance, s.read,
	}
}

func (s *statements) prepare(ctx context.Context, pool *sql.DB) error {
	for _, one := range s.all() {
		if err := one.prepare(ctx, pool); err != nil {
			return err
		}
	}
	return nil
}

func (s *statements) close() error {
	var errs []error
	for _, one := range s.all() {
		errs = append(errs, one.close())
	}
	return errors.Join(errs...)
}
