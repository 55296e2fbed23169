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

// byKind is the keep_ms of a conversation without a retention of its own.
const byKind = -1

// kinds are the kinds of conversations.
var kinds = []store.Type{store.Single, store.Group, store.World}

// keptIndex names the index that finds conversations by what they keep, whatever the statistics say.
func (s *Store) keptIndex() string {
	if s.db.Driver() == db.MySQL {
		return " FORCE INDEX (ix_conversations_kept)"
	}
	return " INDEXED BY ix_conversations_kept"
}

// DueConversations implements store.Retention. It reads one range of an index for each kind, and one
// for each different retention that conversations of the kind have of their own. It takes from these
// ranges in turn, so that a range with much due does not keep the others waiting.
func (s *Store) DueConversations(ctx context.Context, keep store.Keep, limit int, now time.Time) ([]store.Due, error) {
	var lists [][]store.Due
	for _, kind := range kinds {
		times, err := s.ownTimes(ctx, kind)
		if err != nil {
			return nil, err
		}
		if kept := keep.Of(kind); kept > 0 {
			list, err := s.dueOf(ctx, kind, byKind, now.Add(-kept).UnixMilli(), limit)
			if err != nil {
				return nil, err
			}
			lists = append(lists, list)
		}
		for _, ms := range times {
			list, err := s.dueOf(ctx, kind, ms, now.UnixMilli()-ms, limit)
			if err != nil {
				return nil, err
			}
			lists = append(lists, list)
		}
	}
	return inTurn(lists, limit), nil
}

// inTurn takes the first of each list, then the second of each, until there are limit.
func inTurn(lists [][]store.Due, limit int) (out []store.Due) {
	for i, more := 0, true; more && len(out) < limit; i++ {
		more = false
		for _, list := range lists {
			if i < len(list) && len(out) < limit {
				out, more = append(out, list[i]), true
			}
		}
	}
	return out
}

// ownTimes lists the different retentions above 0, in milliseconds, that conversations of a kind have
// of their own, by one look at the index for each.
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

// dueOf lists conversations whose oldest kept message is from before a time, the oldest first.
func (s *Store) dueOf(ctx context.Context, kind store.Type, keepMS, before int64, limit int) (out []store.Due, err error) {
	query := "SELECT conversation_id, kept_at FROM conversations" + s.keptIndex() +
		" WHERE type = ? AND keep_ms = ? AND kept_at > 0 AND kept_at < ? ORDER BY kept_at LIMIT ?"
	err = s.read(ctx, s.db.Primary().DB, query, []any{kind, keepMS, before, limit}, func(rows *sql.Rows) error {
		var d store.Due
		var keptAt int64
		if err := rows.Scan(&d.ConversationID, &keptAt); err != nil {
			return err
		}
		if keptAt > 1 {
			d.Overdue = time.Duration(before-keptAt) * time.Millisecond
		}
		out = append(out, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for conversations with messages whose time is over: %w", err)
	}
	return out, nil
}

// Expire implements store.Retention. The conversations are locked first, as savers lock them: nothing
// is stored in them meanwhile, so that the blocks of the search index that are rebuilt in the same
// transaction lack nothing.
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
		var gone []store.Span
		for _, p := range places {
			if room <= 0 {
				break
			}
			done := store.Expired{ConversationID: p.id, Through: p.expired}
			if before := p.before(keep, now); before > 0 {
				if done, err = expireIn(ctx, tx.Tx, p, before, room); err != nil {
					return err
				}
			}
			if done.Messages > 0 {
				gone = append(gone, store.Span{ConversationID: p.id, From: p.expired, To: done.Through})
			}
			room -= done.Messages
			out = append(out, done)
		}
		return s.forgetBlocks(ctx, tx.Tx, gone)
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

// forgetBlocks removes what has expired from the search index; the caller has locked the conversations.
// Blocks of which nothing is left are deleted, and a block that also has later messages is rebuilt.
// All of them are locked first, also missing ones: a transaction that adds to such a block later
// sees what has expired.
func (s *Store) forgetBlocks(ctx context.Context, tx *sql.Tx, gone []store.Span) error {
	var all, cut []store.BlockKey
	for _, g := range gone {
		for n := g.From / store.BlockSize; n*store.BlockSize < g.To; n++ {
			all = append(all, store.BlockKey{ConversationID: g.ConversationID, Number: n})
		}
		if g.To%store.BlockSize != 0 {
			cut = append(cut, store.BlockKey{ConversationID: g.ConversationID, Number: g.To / store.BlockSize})
		}
	}
	slices.SortFunc(all, search.CompareKeys)
	slices.SortFunc(cut, search.CompareKeys)
	for chunk := range slices.Chunk(all, blocksATime) {
		if err := s.lockBlocks(ctx, tx, chunk); err != nil {
			return err
		}
	}
	for _, g := range gone {
		_, err := tx.ExecContext(ctx, "DELETE FROM search_blocks WHERE conversation_id = ? AND block >= ? AND block < ?",
			g.ConversationID, int64(g.From/store.BlockSize), int64(g.To/store.BlockSize)) //nolint:gosec // numbers of messages
		if err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(cut, rebuiltATime) {
		if err := s.rebuildBlocks(ctx, tx, chunk); err != nil {
			return err
		}
	}
	return nil
}
