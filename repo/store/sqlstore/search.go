package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/gochat/gochat/repo/store"
)

// rangesAQuery is how many ranges one query reads.
const rangesAQuery = 50

// Searchable implements store.SearchReader. Single chats and world are readable from
// the start, groups from where one joined.
func (s *Store) Searchable(ctx context.Context, userID int64, conversationID string) ([]store.Conversation, error) {
	var rows []seenRow
	q := s.seen(&rows, userID).Where("c.last_seq > 0").Order("c.last_message_at DESC", "c.conversation_id")
	if conversationID != "" {
		q = q.Where("c.conversation_id = ?", conversationID)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list what user %d may search: %w", userID, transient(err))
	}
	out := make([]store.Conversation, len(rows))
	for i := range rows {
		out[i] = rows[i].view(userID)
		if rows[i].Type != store.Group {
			out[i].JoinSeq = 0
		}
	}
	return out, nil
}

// Blocks implements store.SearchReader. It reads the primary: first, from an index alone, which blocks
// there are, then their grams. Read in one query, the grams would make MySQL sort on its disk.
func (s *Store) Blocks(ctx context.Context, ranges []store.BlockRange) ([][]store.Block, error) {
	out := make([][]store.Block, len(ranges))
	for from := 0; from < len(ranges); from += rangesAQuery {
		chunk := out[from:min(from+rangesAQuery, len(ranges))]
		if err := s.blockTimes(ctx, ranges[from:], chunk); err != nil {
			return nil, fmt.Errorf("read the search index of %d conversations: %w", len(chunk), err)
		}
		if err := s.blockGrams(ctx, chunk); err != nil {
			return nil, fmt.Errorf("read the search index of %d conversations: %w", len(chunk), err)
		}
	}
	return out, nil
}

// blockTimes reads a list of blocks for each of out, without their grams.
func (s *Store) blockTimes(ctx context.Context, ranges []store.BlockRange, out [][]store.Block) error {
	// The derived table lets each part have an order and a limit of its own.
	const part = "SELECT * FROM (SELECT ? AS part, block, newest_at, oldest_at FROM search_blocks" +
		" WHERE conversation_id = ? AND newest_at <= ? AND (newest_at < ? OR block < ?) AND oldest_at <= ?" +
		" ORDER BY newest_at DESC, block DESC LIMIT ?) AS x"
	args := make([]any, 0, 7*len(out))
	for i := range out {
		r := ranges[i]
		args = append(args, i, r.ConversationID, r.NewestAt, r.NewestAt, int64(r.Number), r.NotAfter, r.Limit)
	}
	query := part + strings.Repeat(" UNION ALL "+part, len(out)-1) + " ORDER BY part, newest_at DESC, block DESC"
	return s.read(ctx, s.db.Primary().DB, query, args, func(rows *sql.Rows) error {
		var i int
		var b store.Block
		if err := rows.Scan(&i, &b.Number, &b.NewestAt, &b.OldestAt); err != nil {
			return err
		}
		b.ConversationID = ranges[i].ConversationID
		out[i] = append(out[i], b)
		return nil
	})
}

// blockGrams fills in the grams of blocks. Grams that were added since the blocks were listed do no
// harm.
func (s *Store) blockGrams(ctx context.Context, lists [][]store.Block) error {
	at := map[store.BlockKey]*store.Block{}
	var args []any
	for _, list := range lists {
		for i := range list {
			at[list[i].BlockKey] = &list[i]
			args = append(args, list[i].ConversationID, int64(list[i].Number))
		}
	}
	read := newIndexStatements(s.db.Driver()).read
	for chunk := range slices.Chunk(args, 2*blocksATime) {
		err := s.read(ctx, s.db.Primary().DB, read.text(len(chunk)/2), chunk, func(rows *sql.Rows) error {
			b, err := scanBlock(rows)
			if to := at[b.BlockKey]; err == nil && to != nil {
				to.Grams = b.Grams
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Current implements store.SearchReader.
func (s *Store) Current(ctx context.Context, spans []store.Span) ([][]store.Message, error) {
	return s.spans(ctx, s.db.Primary().DB, spans)
}
