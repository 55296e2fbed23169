package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// recountMost bounds how many uncounted messages of a conversation recount looks at: they were stored
// by an older program, which does not count. Those before them count as messages of users.
const recountMost = 2000

// recountsATime is how many conversations are counted in one transaction.
const recountsATime = 16

// counts are the counts of a conversation by which unread leaves out system messages, although these
// take numbers. They are right up to Counted. An older program stores without counting, which leaves
// a gap between Counted and the last number; recount closes it.
type counts struct {
	Counted uint64 `bun:"counted_seq"`
	// Skipped is how many system messages there are.
	Skipped uint64 `bun:"skipped"`
	// MessageSeq is the number of the newest message that is no system message; 0: there is none.
	MessageSeq uint64 `bun:"message_seq"`
}

// add counts the message seq, and reports whether a row of message_skips has to be written for it.
// After a gap it does nothing.
func (c *counts) add(seq uint64, system bool) (skip bool) {
	switch {
	case c.Counted != seq-1:
		return false
	case system:
		c.Counted, c.Skipped = seq, c.Skipped+1
		return true
	}
	c.Counted, c.MessageSeq = seq, seq
	return false
}

// skipsStatement writes rows of message_skips.
func skipsStatement(driver db.Driver) *statement {
	tail := " ON CONFLICT (conversation_id, seq_id) DO UPDATE SET skipped = excluded.skipped"
	if driver == db.MySQL {
		tail = " ON DUPLICATE KEY UPDATE skipped = VALUES(skipped)"
	}
	return &statement{width: 3, row: "(?,?,?)", tail: tail, head: "INSERT INTO message_skips (conversation_id, seq_id, skipped) VALUES "}
}

// counted reads conversations as a member sees them, with what unread needs. Gaps are closed before,
// once for each conversation. A gap may stay, because an older program is writing or the database
// takes no writes; then all messages in the gap count as unread, system messages too.
func (s *Store) counted(ctx context.Context, read func(context.Context) ([]seenRow, error)) ([]seenRow, error) {
	rows, err := read(ctx)
	if err != nil {
		return nil, err
	}
	tried := map[string]bool{}
	for range recountRounds {
		gaps := gapsIn(rows, tried)
		if len(gaps) == 0 || !s.recountSoon(ctx, gaps) {
			break
		}
		if rows, err = read(ctx); err != nil {
			return nil, err
		}
	}
	return rows, s.skippedBefore(ctx, rows)
}

// gapsIn returns the conversations that have a gap and were not tried before, and notes them in tried.
func gapsIn(rows []seenRow, tried map[string]bool) (ids []string) {
	for i := range rows {
		if r := &rows[i]; r.Counted < r.LastSeq && !tried[r.ID] {
			tried[r.ID] = true
			ids = append(ids, r.ID)
		}
	}
	return ids
}

const (
	// recountRounds bounds how often one read closes gaps. A conversation may sink in the list when
	// its gap is closed, and another one with a gap takes its place on the page.
	recountRounds = 3
	// recountWithin bounds how long a reader waits for the counts.
	recountWithin = 2 * time.Second
	// recountPause is how long after a failure readers do not try it again.
	recountPause = 10 * time.Second
)

// recountSoon closes the gaps of conversations for a reader that waits, and reports whether it did.
// For recountPause after a failure it does nothing: the database may take no writes, and every
// reader would wait in vain.
func (s *Store) recountSoon(ctx context.Context, ids []string) bool {
	if time.Now().UnixNano() < s.uncounted.Load() {
		return false
	}
	within, cancel := context.WithTimeout(ctx, recountWithin)
	defer cancel()
	err := s.recount(within, ids)
	if err == nil {
		return true
	}
	if ctx.Err() == nil { // else whoever asked has gone
		s.uncounted.Store(time.Now().Add(recountPause).UnixNano())
		s.log.Warn("messages that an older gochat stored could not be counted; until the next try their system messages count as unread",
			zap.Int("conversations", len(ids)), zap.Duration("in", recountPause), zap.Error(err))
	}
	return false
}

// seeksAQuery is how many seeks one query has.
const seeksAQuery = 50

// skippedBefore finds how many system messages there are up to each read position. Their number never
// changes, so that they may be counted after the rows were read.
func (s *Store) skippedBefore(ctx context.Context, rows []seenRow) error {
	var ask []int
	for i := range rows {
		if r := &rows[i]; r.Skipped > 0 && r.position() < r.LastSeq {
			ask = append(ask, i)
		}
	}
	// The derived table lets each part have an order and a limit of its own.
	const part = "SELECT * FROM (SELECT ? AS part, skipped FROM message_skips" +
		" WHERE conversation_id = ? AND seq_id <= ? ORDER BY seq_id DESC LIMIT 1) AS x"
	for chunk := range slices.Chunk(ask, seeksAQuery) {
		args := make([]any, 0, 3*len(chunk))
		for _, i := range chunk {
			args = append(args, i, rows[i].ID, int64(rows[i].position())) //nolint:gosec // a number of a message
		}
		query := part + strings.Repeat(" UNION ALL "+part, len(chunk)-1)
		err := s.read(ctx, s.db.Primary().DB, query, args, func(found *sql.Rows) error {
			var i int
			var skipped uint64
			if err := found.Scan(&i, &skipped); err != nil {
				return err
			}
			rows[i].skippedBefore = skipped
			return nil
		})
		if err != nil {
			return fmt.Errorf("count the system messages of %d conversations: %w", len(chunk), err)
		}
	}
	return nil
}

// recount closes the gaps of conversations.
func (s *Store) recount(ctx context.Context, ids []string) error {
	ids = slices.Sorted(slices.Values(ids)) // one order for all who lock several
	for chunk := range slices.Chunk(ids, recountsATime) {
		err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
			var rows []conversationRow
			q := tx.NewSelect().Model(&rows).Where("conversation_id IN (?)", bun.List(chunk)).Order("conversation_id")
			if s.db.Driver() == db.MySQL {
				q = q.For("UPDATE")
			}
			if err := q.Scan(ctx); err != nil {
				return err
			}
			for i := range rows {
				if err := s.recountOne(ctx, tx, &rows[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("count the messages of %d conversations: %w", len(chunk), transient(err))
		}
	}
	return nil
}

// recountOne closes the gap of a conversation that is locked.
func (s *Store) recountOne(ctx context.Context, tx bun.Tx, c *conversationRow) error {
	if c.Counted >= c.LastSeq {
		return nil
	}
	from := c.Counted
	if c.LastSeq-from > recountMost {
		from = c.LastSeq - recountMost
	}
	var system []uint64
	err := queryEach(ctx, tx.Tx, "SELECT seq_id FROM messages WHERE conversation_id = ? AND seq_id > ? AND message_type = ? ORDER BY seq_id",
		[]any{c.ID, int64(from), contracts.TypeSystem}, func(rows *sql.Rows) error { //nolint:gosec // a number of a message
			var seq uint64
			err := rows.Scan(&seq)
			system = append(system, seq)
			return err
		})
	if err != nil {
		return err
	}
	newest := c.LastSeq
	for i := len(system) - 1; i >= 0 && system[i] == newest; i-- {
		newest--
	}
	switch {
	case newest > from:
		c.MessageSeq = newest
	case from > c.Counted: // all that were looked at are system messages; the newest other one is older
		if c.MessageSeq, err = messageBefore(ctx, tx.Tx, c.ID, from); err != nil {
			return err
		}
	}
	var args []any
	for _, seq := range system {
		c.Skipped++
		args = append(args, c.ID, int64(seq), int64(c.Skipped)) //nolint:gosec // as above
	}
	if err := skipsStatement(s.db.Driver()).exec(ctx, tx.Tx, args); err != nil {
		return err
	}
	c.Counted = c.LastSeq
	if err := redate(ctx, tx.Tx, c); err != nil {
		return err
	}
	_, err = tx.NewUpdate().Model(c).Column("counted_seq", "skipped", "message_seq", "last_message_at", "stored_at").WherePK().Exec(ctx)
	return err
}

// redate sets last_message_at to the time of the newest message that is no system message: an older
// program moves it with system messages, too.
func redate(ctx context.Context, tx *sql.Tx, c *conversationRow) error {
	at := c.CreatedAt
	if c.MessageSeq > 0 {
		seq := int64(c.MessageSeq) //nolint:gosec // as above
		err := tx.QueryRowContext(ctx, "SELECT created_at FROM messages WHERE conversation_id = ? AND seq_id = ?", c.ID, seq).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // a hole, which is for gochat verify to say
		}
		if err != nil {
			return err
		}
	}
	c.LastMessageAt, c.StoredAt = at, max(c.StoredAt, c.LastMessageAt)
	return nil
}

// messageBefore finds the newest message up to a number that is no system message; 0: none.
func messageBefore(ctx context.Context, tx *sql.Tx, conv string, upTo uint64) (seq uint64, err error) {
	err = tx.QueryRowContext(ctx, "SELECT seq_id FROM messages WHERE conversation_id = ? AND seq_id <= ? AND message_type <> ?"+
		" ORDER BY seq_id DESC LIMIT 1", conv, int64(upTo), contracts.TypeSystem).Scan(&seq) //nolint:gosec // as above
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, err
}

// position is the number up to which a member has nothing unread.
func (r *seenRow) position() uint64 { return max(r.ReadSeq, r.JoinSeq) }

// unread is how many messages the member has not read. Messages in a gap all count, system messages
// too.
func (r *seenRow) unread() uint64 {
	after := r.LastSeq - min(r.LastSeq, r.position())
	skipped := r.Skipped - min(r.Skipped, r.skippedBefore)
	return after - min(after, skipped)
}

// lastMessage is the newest message that the member may read and that is no system message; 0:
// none. World and single chats are readable from the start, groups from where one joined.
func (r *seenRow) lastMessage() uint64 {
	seq := r.MessageSeq
	if r.Counted < r.LastSeq {
		seq = r.LastSeq
	}
	if r.Type == store.Group && seq <= r.JoinSeq {
		return 0
	}
	return seq
}
