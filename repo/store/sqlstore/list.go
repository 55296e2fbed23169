package sqlstore

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/repo/store"
)

// listOrder is the newest message first; the id decides between those of the same time.
const listOrder = "c.last_message_at DESC, c.conversation_id"

// List implements store.Conversations. A message moves its conversation in the lists of all its
// members. Storing the order would cost a written row for each member and message, so the order is
// found when the list is read: of the user's memberships only the conversations' ids and times are
// looked at, and no more of them than a page are kept while they are sorted.
func (s *Store) List(ctx context.Context, userID int64, cursor string, limit int) ([]store.Conversation, string, error) {
	page := s.newestOf(userID).Limit(int64(limit) + 1)
	if cursor != "" {
		at, id, err := parseCursor(cursor)
		if err != nil {
			return nil, "", err
		}
		page = page.Where("(c.last_message_at < ? OR (c.last_message_at = ? AND c.conversation_id > ?))", at, at, id)
	}
	rows, err := s.counted(ctx, func(ctx context.Context) (rows []seenRow, err error) {
		// CROSS JOIN holds SQLite to the order: the page first, then what belongs to it.
		q := s.db.Primary().NewSelect().Model(&rows).
			ModelTableExpr("(?) AS m CROSS JOIN conversations AS c", page).Where("c.conversation_id = m.conversation_id").
			ColumnExpr(conversationColumns).ColumnExpr("m.join_seq").ColumnExpr("m.read_seq")
		err = peers(q, userID).OrderExpr(listOrder).Scan(ctx)
		return rows, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list conversations of user %d: %w", userID, transient(err))
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = formatCursor(rows[limit-1].LastMessageAt, rows[limit-1].ID)
	}
	out := make([]store.Conversation, len(rows))
	for i := range rows {
		out[i] = rows[i].view(userID)
	}
	return out, next, nil
}

// newestOf selects a user's memberships in the order of the list.
func (s *Store) newestOf(userID int64) *bun.SelectQuery {
	return s.db.Primary().NewSelect().TableExpr("conversation_members AS m").
		Join("JOIN conversations AS c ON c.conversation_id = m.conversation_id").
		ColumnExpr("m.conversation_id, m.join_seq, m.read_seq").
		Where("m.user_id = ?", userID).Where("m.left_seq IS NULL").OrderExpr(listOrder)
}
