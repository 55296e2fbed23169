package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/search"
	"github.com/gochat/gochat/repo/store"
)

// blocksATime is how many blocks one transaction, or one statement, changes: on
// SQLite it keeps the storing of messages waiting meanwhile.
const blocksATime = 256

// rebuiltATime is how many blocks are rebuilt in one transaction, which reads all of their messages.
const rebuiltATime = 16

// nothingAt is NewestAt and OldestAt of a block in which nothing can be found.
const nothingAt = -1

// indexStatements are the statements of the transactions that change the search index.
type indexStatements struct{ lock, read, write *statement }

func newIndexStatements(driver db.Driver) indexStatements {
	const columns = "(conversation_id, block, newest_at, oldest_at, grams)"
	out := indexStatements{
		read: &statement{width: 2, row: "(?,?)", tail: ")",
			head: "SELECT conversation_id, block, newest_at, oldest_at, grams FROM search_blocks WHERE (conversation_id, block) IN (VALUES "},
		write: &statement{width: 5, row: "(?,?,?,?,?)",
			head: "INSERT INTO search_blocks " + columns + " VALUES ",
			tail: " ON CONFLICT (conversation_id, block) DO UPDATE SET newest_at = excluded.newest_at," +
				" oldest_at = excluded.oldest_at, grams = excluded.grams"},
	}
	if driver == db.MySQL {
		out.read.head = "SELECT conversation_id, block, newest_at, oldest_at, grams FROM search_blocks FORCE INDEX (PRIMARY)" +
			" WHERE (conversation_id, block) IN ("
		out.write.tail = " ON DUPLICATE KEY UPDATE newest_at = VALUES(newest_at), oldest_at = VALUES(oldest_at), grams = VALUES(grams)"
		// A row that is not there cannot be locked: it is made first, with nothing in it.
		out.lock = &statement{width: 2, row: "(?,?,-1,-1,'')", tail: " ON DUPLICATE KEY UPDATE block = VALUES(block)",
			head: "INSERT INTO search_blocks " + columns + " VALUES "}
	}
	return out
}

// Merge implements store.SearchIndex.
func (s *Store) Merge(ctx context.Context, blocks []store.Block) error {
	blocks = slices.Clone(blocks)
	slices.SortFunc(blocks, func(a, b store.Block) int { return search.CompareKeys(a.BlockKey, b.BlockKey) })
	for chunk := range slices.Chunk(blocks, blocksATime) {
		err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
			keys := make([]store.BlockKey, len(chunk))
			for i := range chunk {
				keys[i] = chunk[i].BlockKey
			}
			there, err := s.locked(ctx, tx.Tx, keys)
			if err != nil {
				return err
			}
			merged := make([]store.Block, len(chunk))
			for i, b := range chunk {
				if old, has := there[b.BlockKey]; has {
					b = search.Merge(old, b)
				}
				merged[i] = b
			}
			return s.writeBlocks(ctx, tx.Tx, merged)
		})
		if err != nil {
			return fmt.Errorf("add to %d blocks of the search index: %w", len(chunk), transient(err))
		}
	}
	return nil
}

// lockBlocks locks blocks until the transaction ends, also missing ones. On SQLite it does nothing:
// nobody else writes meanwhile.
func (s *Store) lockBlocks(ctx context.Context, tx *sql.Tx, keys []store.BlockKey) error {
	if lock := newIndexStatements(s.db.Driver()).lock; lock != nil {
		return lock.exec(ctx, tx, keyArgs(keys))
	}
	return nil
}

func keyArgs(keys []store.BlockKey) []any {
	args := make([]any, 0, 2*len(keys))
	for _, k := range keys {
		args = append(args, k.ConversationID, int64(k.Number))
	}
	return args
}

// locked locks blocks until the transaction ends and reads them; those in which nothing can be found
// are left out.
func (s *Store) locked(ctx context.Context, tx *sql.Tx, keys []store.BlockKey) (map[store.BlockKey]store.Block, error) {
	if err := s.lockBlocks(ctx, tx, keys); err != nil {
		return nil, err
	}
	st := newIndexStatements(s.db.Driver())
	out := make(map[store.BlockKey]store.Block, len(keys))
	err := st.read.query(ctx, tx, keyArgs(keys), func(rows *sql.Rows) error {
		b, err := scanBlock(rows)
		if err == nil && b.NewestAt != nothingAt {
			out[b.BlockKey] = b
		}
		return err
	})
	return out, err
}

func scanBlock(rows *sql.Rows) (store.Block, error) {
	var b store.Block
	err := rows.Scan(&b.ConversationID, &b.Number, &b.NewestAt, &b.OldestAt, &b.Grams)
	return b, err
}

func (s *Store) writeBlocks(ctx context.Context, tx *sql.Tx, blocks []store.Block) error {
	args := make([]any, 0, 5*len(blocks))
	for _, b := range blocks {
		grams := b.Grams
		if grams == nil {
			grams = []byte{}
		}
		args = append(args, b.ConversationID, int64(b.Number), b.NewestAt, b.OldestAt, grams)
	}
	return newIndexStatements(s.db.Driver()).write.exec(ctx, tx, args)
}

// Rebuild implements store.SearchIndex. The messages are read after their block is locked. A message
// that is stored later is merged into the block after the lock is free, and is not lost.
func (s *Store) Rebuild(ctx context.Context, keys []store.BlockKey) error {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, search.CompareKeys)
	keys = slices.Compact(keys)
	for chunk := range slices.Chunk(keys, rebuiltATime) {
		err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.rebuildBlocks(ctx, tx.Tx, chunk) })
		if err != nil {
			return fmt.Errorf("make %d blocks of the search index anew: %w", len(chunk), transient(err))
		}
	}
	return nil
}

// rebuildBlocks rebuilds blocks from their messages; keys are in the order of search.CompareKeys.
func (s *Store) rebuildBlocks(ctx context.Context, tx *sql.Tx, keys []store.BlockKey) error {
	if _, err := s.locked(ctx, tx, keys); err != nil {
		return err
	}
	blocks := make([]store.Block, 0, len(keys))
	for _, k := range keys {
		b, err := blockOf(ctx, tx, k)
		if err != nil {
			return err
		}
		blocks = append(blocks, b)
	}
	return s.writeBlocks(ctx, tx, blocks)
}

// blockOf makes one block from its messages.
func blockOf(ctx context.Context, tx *sql.Tx, k store.BlockKey) (store.Block, error) {
	span := k.Span()
	var found []store.Message
	err := queryEach(ctx, tx, "SELECT "+messageColumns+" FROM messages WHERE conversation_id = ? AND seq_id > ? AND seq_id <= ?",
		[]any{span.ConversationID, int64(span.From), int64(span.To)}, collect(&found))
	if err != nil {
		return store.Block{}, err
	}
	if made := search.Blocks(found); len(made) == 1 {
		return made[0], nil
	}
	return store.Block{BlockKey: k, NewestAt: nothingAt, OldestAt: nothingAt}, nil
}

// backfillRow is the block with which the backfill goes on.
type backfillRow struct {
	conversation string
	block        uint64
	done         bool
}

// Backfill implements store.SearchIndex. Concurrent calls do the same work twice, and only one of them
// moves the place where the next call goes on.
func (s *Store) Backfill(ctx context.Context, limit int) (blocks int, done bool, err error) {
	var at backfillRow
	err = s.db.Primary().DB.QueryRowContext(ctx, "SELECT conversation_id, block, done FROM search_backfill WHERE id = 1").
		Scan(&at.conversation, &at.block, &at.done)
	if err != nil {
		return 0, false, fmt.Errorf("read how far the search index is: %w", transient(err))
	}
	if at.done {
		return 0, true, nil
	}
	keys, next, err := s.nextBlocks(ctx, at, limit)
	if err != nil {
		return 0, false, err
	}
	if err := s.Rebuild(ctx, keys); err != nil {
		return 0, false, err
	}
	if err := s.advanceBackfill(ctx, at, next); err != nil {
		return 0, false, err
	}
	return len(keys), next.done, nil
}

// nextBlocks lists up to limit blocks in the order of their conversations, and where
// to go on after them.
func (s *Store) nextBlocks(ctx context.Context, at backfillRow, limit int) (keys []store.BlockKey, next backfillRow, err error) {
	type conversation struct {
		id   string
		last uint64
	}
	var list []conversation
	err = s.read(ctx, s.db.Primary().DB,
		"SELECT conversation_id, last_seq FROM conversations WHERE conversation_id >= ? ORDER BY conversation_id LIMIT ?",
		[]any{at.conversation, limit}, func(rows *sql.Rows) error {
			var c conversation
			defer func() { list = append(list, c) }()
			return rows.Scan(&c.id, &c.last)
		})
	if err != nil {
		return nil, next, fmt.Errorf("list conversations from %q on: %w", at.conversation, err)
	}
	for _, c := range list {
		number := uint64(0)
		if c.id == at.conversation {
			number = at.block
		}
		for ; number*store.BlockSize < c.last; number++ {
			if len(keys) == limit {
				return keys, backfillRow{conversation: c.id, block: number}, nil
			}
			keys = append(keys, store.BlockKey{ConversationID: c.id, Number: number})
		}
		next = backfillRow{conversation: c.id, block: number}
	}
	next.done = len(list) < limit
	return keys, next, nil
}

func (s *Store) advanceBackfill(ctx context.Context, from, to backfillRow) error {
	err := s.db.Again(ctx, func(ctx context.Context) error {
		_, err := s.db.Writer().DB.ExecContext(ctx, "UPDATE search_backfill SET conversation_id = ?, block = ?, done = ?"+
			" WHERE id = 1 AND conversation_id = ? AND block = ? AND done = 0",
			to.conversation, int64(to.block), to.done, from.conversation, int64(from.block))
		return err
	})
	if err != nil {
		return fmt.Errorf("note how far the search index is: %w", transient(err))
	}
	return nil
}

// RestartBackfill implements store.SearchIndex.
func (s *Store) RestartBackfill(ctx context.Context) error {
	err := s.db.Again(ctx, func(ctx context.Context) error {
		_, err := s.db.Writer().DB.ExecContext(ctx, "UPDATE search_backfill SET conversation_id = '', block = 0, done = 0 WHERE id = 1")
		return err
	})
	if err != nil {
		return fmt.Errorf("let the search index be made anew: %w", transient(err))
	}
	return nil
}
