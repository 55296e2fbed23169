package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// peers adds the positions of the other user of a single chat.
func peers(q *bun.SelectQuery, userID int64) *bun.SelectQuery {
	const other = "CASE WHEN c.user_a = ? THEN c.user_b ELSE c.user_a END"
	return q.ColumnExpr("COALESCE(p.read_seq, 0) AS peer_read_seq").
		ColumnExpr("COALESCE(pd.delivered_seq, 0) AS peer_delivered_seq").
		Join("LEFT JOIN conversation_members AS p ON p.conversation_id = c.conversation_id AND p.user_id = "+other, userID).
		Join("LEFT JOIN delivered_positions AS pd ON pd.conversation_id = c.conversation_id AND pd.user_id = "+other, userID)
}

// MarkDelivered implements store.Receipts. One read finds the positions to raise, one statement
// raises them. The last number only grows, so that a position stays within the conversation.
func (s *Store) MarkDelivered(ctx context.Context, positions []store.Position) ([]store.Delivered, error) {
	asked := make(map[store.MembershipKey]uint64, len(positions))
	for _, p := range positions {
		asked[p.MembershipKey] = max(asked[p.MembershipKey], p.Seq)
	}
	keys := make([]store.MembershipKey, 0, len(asked))
	for k := range asked {
		keys = append(keys, k)
	}
	// In one order: two calls that write the same rows wait for each other and do not deadlock.
	slices.SortFunc(keys, func(a, b store.MembershipKey) int {
		return cmp.Or(cmp.Compare(a.ConversationID, b.ConversationID), cmp.Compare(a.UserID, b.UserID))
	})
	var moved []store.Delivered
	for chunk := range slices.Chunk(keys, maxIn) {
		some, err := s.behind(ctx, chunk, asked)
		if err != nil {
			return nil, fmt.Errorf("read %d delivered positions: %w", len(chunk), err)
		}
		if err := s.raiseDelivered(ctx, some); err != nil {
			return nil, fmt.Errorf("move %d delivered positions: %w", len(some), transient(err))
		}
		moved = append(moved, some...)
	}
	return moved, nil
}

// behind finds the members whose position is to be raised, in the order of the keys.
func (s *Store) behind(ctx context.Context, keys []store.MembershipKey, asked map[store.MembershipKey]uint64) ([]store.Delivered, error) {
	args := make([]any, 0, 2*len(keys))
	for _, k := range keys {
		args = append(args, k.ConversationID, k.UserID)
	}
	found := make(map[store.MembershipKey]store.Delivered, len(keys))
	err := s.read(ctx, s.db.Primary().DB, "SELECT m.conversation_id, m.user_id, c.type, c.user_a, c.user_b, c.last_seq, m.read_seq, COALESCE(d.delivered_seq, 0)"+
		" FROM conversation_members m JOIN conversations c ON c.conversation_id = m.conversation_id"+
		" LEFT JOIN delivered_positions d ON d.conversation_id = m.conversation_id AND d.user_id = m.user_id"+
		" WHERE (m.conversation_id, m.user_id) IN ("+pairsOf(s.db.Driver())+rowMarks(len(keys), "(?,?)")+") AND m.left_seq IS NULL"+
		" AND m.conversation_id IN ("+marks(len(keys))+")", append(args, conversationsOf(keys)...),
		func(rows *sql.Rows) error {
			var c conversationRow
			var d store.Delivered
			var read, delivered uint64
			if err := rows.Scan(&c.ID, &d.UserID, &c.Type, &c.UserA, &c.UserB, &c.LastSeq, &read, &delivered); err != nil {
				return err
			}
			d.ConversationID, d.Type, d.PeerID = c.ID, c.Type, c.peer(d.UserID)
			if d.Seq = min(asked[d.MembershipKey], c.LastSeq); d.Seq > max(read, delivered) {
				found[d.MembershipKey] = d
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	out := make([]store.Delivered, 0, len(found))
	for _, k := range keys {
		if d, there := found[k]; there {
			out = append(out, d)
		}
	}
	return out, nil
}

// conversationsOf returns the conversations of keys, for a condition that the one on the keys implies.
// From it a database that is sharded by conversation sees that the joined rows lie in one shard.
func conversationsOf(keys []store.MembershipKey) []any {
	out := make([]any, len(keys))
	for i, k := range keys {
		out[i] = k.ConversationID
	}
	return out
}

func (s *Store) raiseDelivered(ctx context.Context, to []store.Delivered) error {
	if len(to) == 0 {
		return nil
	}
	args := make([]any, 0, 3*len(to))
	for _, d := range to {
		args = append(args, d.ConversationID, d.UserID, int64(d.Seq)) //nolint:gosec // a number of a message
	}
	onConflict := " ON CONFLICT (conversation_id, user_id) DO UPDATE SET delivered_seq = max(delivered_seq, excluded.delivered_seq)"
	if s.db.Driver() == db.MySQL {
		onConflict = " ON DUPLICATE KEY UPDATE delivered_seq = GREATEST(delivered_seq, VALUES(delivered_seq))"
	}
	return s.db.Again(ctx, func(ctx context.Context) error {
		return s.write(ctx, s.db.Writer().DB, "INSERT INTO delivered_positions (conversation_id, user_id, delivered_seq) VALUES "+
			rowMarks(len(to), "(?,?,?)")+onConflict, args)
	})
}

// covered selects the present members of a conversation who joined before a message, without its
// sender.
const covered = " FROM conversation_members m LEFT JOIN delivered_positions d" +
	" ON d.conversation_id = m.conversation_id AND d.user_id = m.user_id" +
	" WHERE m.conversation_id = ? AND m.left_seq IS NULL AND m.join_seq < ? AND m.user_id <> ?"

// Readers implements store.Receipts.
func (s *Store) Readers(ctx context.Context, ask store.ReadersPage) (store.Readers, error) {
	seen, err := s.Conversation(ctx, ask.ConversationID, ask.UserID)
	if err != nil {
		return store.Readers{}, err
	}
	// World and single chats are readable from the start, groups from where one joined.
	if ask.Seq < 1 || ask.Seq > seen.LastSeq || seen.Type == store.Group && ask.Seq <= seen.JoinSeq {
		return store.Readers{}, store.ErrNotFound
	}
	seq := int64(ask.Seq) //nolint:gosec // at most the last number
	pool := s.db.Primary().DB
	var sender int64
	err = pool.QueryRowContext(ctx, "SELECT sender_id FROM messages WHERE conversation_id = ? AND seq_id = ?", ask.ConversationID, seq).Scan(&sender)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Readers{}, store.ErrNotFound
	}
	if err != nil {
		return store.Readers{}, fmt.Errorf("read the sender of message %d of %s: %w", ask.Seq, ask.ConversationID, transient(err))
	}
	var out store.Readers
	err = s.read(ctx, pool, "SELECT COUNT(*), COALESCE(SUM(CASE WHEN m.read_seq >= ? THEN 1 ELSE 0 END), 0),"+
		" COALESCE(SUM(CASE WHEN m.read_seq >= ? OR d.delivered_seq >= ? THEN 1 ELSE 0 END), 0)"+covered,
		[]any{seq, seq, seq, ask.ConversationID, seq, sender},
		func(rows *sql.Rows) error { return rows.Scan(&out.Members, &out.Read, &out.Delivered) })
	if err != nil {
		return store.Readers{}, fmt.Errorf("count the readers of message %d of %s: %w", ask.Seq, ask.ConversationID, err)
	}
	err = s.read(ctx, pool, "SELECT m.user_id, m.read_seq"+covered+" AND m.read_seq >= ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?",
		[]any{ask.ConversationID, seq, sender, seq, ask.After, ask.Limit + 1},
		func(rows *sql.Rows) error {
			var p store.Position
			if err := rows.Scan(&p.UserID, &p.Seq); err != nil {
				return err
			}
			out.Page = append(out.Page, p)
			return nil
		})
	if err != nil {
		return store.Readers{}, fmt.Errorf("list the readers of message %d of %s: %w", ask.Seq, ask.ConversationID, err)
	}
	if out.More = len(out.Page) > ask.Limit; out.More {
		out.Page = out.Page[:ask.Limit]
	}
	return out, nil
}
