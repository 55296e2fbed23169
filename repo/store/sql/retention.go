package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/search"
	"github.com/gochat/gochat/repo/store"
)

// byKind is the keep_ms of a conversation that has no time of its own.
const byKind = -1

// kinds are those of conversations.
var kinds = []store.Type{store.Single, store.Group, store.World}

// keptIndex names the index that finds conversations by what they keep, whatever the statistics say.
func (s *Store) keptIndex() string {
	if s.db.Driver() == db.MySQL {
		return " FORCE INDEX (ix_conversations_kept)"
	}
	return " INDEXED BY ix_conversations_kept"
}

// DueConversations implements store.Retention. It reads one range of an index for each kind and
// each different time that conversations of it have of their own.
func (s *Store) DueConversations(ctx context.Context, keep store.Keep, limit int, now time.Time) ([]store.Due, error) {
	var out []store.Due
	for _, kind := range kinds {
		own, err := s.ownTimes(ctx, kind)
		if err != nil {
			return nil, err
		}
		if kept := keep.Of(kind); kept > 0 {
			if err := s.dueOf(ctx, &out, kind, byKind, now.Add(-kept).UnixMilli(), limit); err != nil {
				return nil, err
			}
		}
		for _, ms := range own {
			if err := s.dueOf(ctx, &out, kind, ms, now.UnixMilli()-ms, limit); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// ownTimes lists the different times above 0 that conversations of a kind have of their own, one
// look at the index for each.
func (s *Store) ownTimes(ctx context.Context, kind store.Type) (out []int64, err error) {
	query := "SELECT MIN(keep_ms) FROM conversations" + s.keptIndex() + " WHERE type = ? AND keep_ms > ?"
	for last := int64(0); ; {
		var next sql.NullInt64
		err := s.read(ctx, s.db.Primary().DB, query, []any{kind, last}, func(rows *sql.Rows) error { return rows.Scan(&next) })
		if err != nil {
			return nil, fmt.Errorf("read the times that conversations have of their own: %w", err)
		}
		if !next.Valid {
			return out, nil
		}
		last = next.Int64
		out = append(out, last)
	}
}

// dueOf adds conversations that have kept something from before, until there are limit.
func (s *Store) dueOf(ctx context.Context, out *[]store.Due, kind store.Type, keepMS, before int64, limit int) error {
	if limit -= len(*out); limit <= 0 {
		return nil
	}
	query := "SELECT conversation_id, kept_at FROM conversations" + s.keptIndex() +
		" WHERE type = ? AND keep_ms = ? AND kept_at > 0 AND kept_at < ? ORDER BY kept_at LIMIT ?"
	err := s.read(ctx, s.db.Primary().DB, query, []any{kind, keepMS, before, limit}, func(rows *sql.Rows) error {
		var d store.Due
		var keptAt int64
		if err := rows.Scan(&d.ConversationID, &keptAt); err != nil {
			return err
		}
		if keptAt > 1 {
			d.Overdue = time.Duration(before-keptAt) * time.Millisecond
		}
		*out = append(*out, d)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for conversations with messages whose time is over: %w", err)
	}
	return nil
}

// Expire implements store.Retention. The conversations are locked first, as savers lock them: what
// is read then is all that is stored in them, so that the blocks of the search index that are made
// anew in the same transaction lack nothing.
func (s *Store) Expire(ctx context.Context, conversations []string, keep store.Keep, limit int, now time.Time) (out []store.Expired, err error) {
	if len(conversations) == 0 {
		return nil, nil
	}
	err = s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out = nil
		places, err := s.lockKept(ctx, tx.Tx, conversations)
		if err != nil {
			return err
		}
		room := limit
		for _, p := range places {
			done := store.Expired{ConversationID: p.id, Through: p.expired}
			if before := p.before(keep, now); before > 0 && room > 0 {
				if done, err = expireIn(ctx, tx.Tx, p, before, room); err != nil {
					return err
				}
			}
			room -= done.Messages
			out = append(out, done)
		}
		return s.forgetBlocks(ctx, tx.Tx, out)
	})
	if err != nil {
		return nil, fmt.Errorf("expire messages of %d conversations: %w", len(conversations), transient(err))
	}
	return out, nil
}

// keptPlace is how far a conversation has expired.
type keptPlace struct {
	id            string
	kind          store.Type
	keepMS        int64
	expired, last uint64
}

// before is the time before which the conversation's messages expire, in Unix milliseconds; 0: none do.
func (p keptPlace) before(keep store.Keep, now time.Time) int64 {
	ms := p.keepMS
	if ms == byKind {
		ms = keep.Of(p.kind).Milliseconds()
	}
	if ms <= 0 {
		return 0
	}
	return now.UnixMilli() - ms
}

// lockKept locks conversations in the order in which all processes do.
func (s *Store) lockKept(ctx context.Context, tx *sql.Tx, conversations []string) (out []keptPlace, err error) {
	byKey, lock := "", ""
	if s.db.Driver() == db.MySQL {
		byKey, lock = " FORCE INDEX (PRIMARY)", " FOR UPDATE"
	}
	query := "SELECT conversation_id, type, keep_ms, expired_seq, last_seq FROM conversations" + byKey +
		" WHERE conversation_id IN (" + marks(len(conversations)) + ") ORDER BY conversation_id" + lock
	err = queryEach(ctx, tx, query, anys(conversations), func(rows *sql.Rows) error {
		var p keptPlace
		defer func() { out = append(out, p) }()
		return rows.Scan(&p.id, &p.kind, &p.keepMS, &p.expired, &p.last)
	})
	return out, err
}

// expireIn takes the content of a conversation's next messages that were stored before a time. It
// stops at the first that was not: numbers and times go together but for what clocks differ.
func expireIn(ctx context.Context, tx *sql.Tx, p keptPlace, before int64, room int) (store.Expired, error) {
	done := store.Expired{ConversationID: p.id, Through: p.expired}
	var list []store.Message
	err := queryEach(ctx, tx, "SELECT "+messageColumns+" FROM messages WHERE conversation_id = ? AND seq_id > ? ORDER BY seq_id LIMIT ?",
		[]any{p.id, int64(p.expired), room}, collect(&list))
	if err != nil {
		return done, err
	}
	if at := slices.IndexFunc(list, func(m store.Message) bool { return m.Timestamp >= before }); at >= 0 {
		list = list[:at]
	}
	if len(list) == 0 {
		return done, nil
	}
	done.Through, done.Messages = list[len(list)-1].Seq, len(list)
	if err := expireRows(ctx, tx, p.id, list, &done); err != nil {
		return done, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE conversations SET expired_seq = ? WHERE conversation_id = ?", int64(done.Through), p.id)
	return done, err
}

// plainExpired is what is beside the text of most messages that have expired.
const plainExpired = `{"expired":true}`

// expireRows writes what is left of messages: one statement for those that are nothing but text,
// which most are, and one for each of the others.
func expireRows(ctx context.Context, tx *sql.Tx, conversation string, list []store.Message, done *store.Expired) error {
	for i := range list {
		m := &list[i]
		if m.Extra != nil {
			for _, seq := range m.Extra.Edits {
				if seq > done.Through {
					done.Edits = append(done.Edits, seq)
				}
			}
		}
		plain := m.Extra == nil
		if !m.Expire(done.Through) || plain {
			continue
		}
		if err := writeExpired(ctx, tx, m); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "UPDATE messages SET content = '', extra = ? WHERE conversation_id = ? AND seq_id >= ? AND seq_id <= ?"+
		" AND extra IS NULL AND message_type <> 'system'", plainExpired, conversation, int64(list[0].Seq), int64(done.Through))
	if err != nil {
		return err
	}
	return expireEdits(ctx, tx, conversation, done)
}

// expireEdits takes the texts of edits that stay for a while themselves.
func expireEdits(ctx context.Context, tx *sql.Tx, conversation string, done *store.Expired) error {
	for chunk := range slices.Chunk(done.Edits, maxIn) {
		args := []any{conversation}
		for _, seq := range chunk {
			args = append(args, int64(seq))
		}
		var edits []store.Message
		err := queryEach(ctx, tx, "SELECT "+messageColumns+" FROM messages WHERE conversation_id = ? AND seq_id IN ("+marks(len(chunk))+")", args, collect(&edits))
		if err != nil {
			return err
		}
		for i := range edits {
			if !edits[i].Expire(done.Through) {
				continue
			}
			if err := writeExpired(ctx, tx, &edits[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeExpired(ctx context.Context, tx *sql.Tx, m *store.Message) error {
	extra, err := formatExtra(m.Extra)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE messages SET content = ?, extra = ? WHERE conversation_id = ? AND seq_id = ?",
		m.Content, extra, m.ConversationID, int64(m.Seq))
	return err
}

// forgetBlocks takes what has expired out of the search index, in a transaction that keeps others
// from storing in the conversations: blocks of which nothing is left go, and the one that begins
// before the end and goes on behind it is made anew.
func (s *Store) forgetBlocks(ctx context.Context, tx *sql.Tx, done []store.Expired) error {
	var cut []store.BlockKey
	for _, d := range done {
		if d.Messages == 0 {
			continue
		}
		first := (d.Through - uint64(d.Messages)) / store.BlockSize //nolint:gosec // more than nothing
		end := d.Through / store.BlockSize
		_, err := tx.ExecContext(ctx, "DELETE FROM search_blocks WHERE conversation_id = ? AND block >= ? AND block < ?",
			d.ConversationID, int64(first), int64(end))
		if err != nil {
			return err
		}
		if d.Through%store.BlockSize != 0 {
			cut = append(cut, store.BlockKey{ConversationID: d.ConversationID, Number: end})
		}
	}
	slices.SortFunc(cut, search.CompareKeys)
	for chunk := range slices.Chunk(cut, rebuiltATime) {
		if err := s.rebuildBlocks(ctx, tx, chunk); err != nil {
			return err
		}
	}
	return nil
}
