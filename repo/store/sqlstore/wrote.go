package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// soughtMost is how many messages one call looks through for a message of a member of whom it is not
// noted whether they have written. The next call goes on after these messages.
const soughtMost = 2000

// wroteRow is what is noted of whether a member has written.
type wroteRow struct {
	key                store.MembershipKey
	sent, sought, last uint64
}

// Wrote implements store.Conversations. The saving transaction notes that a member has written. Messages
// that an older program stored are looked through, a part in each call, and how far is noted.
func (s *Store) Wrote(ctx context.Context, keys []store.MembershipKey) (map[store.MembershipKey]bool, error) {
	out := make(map[store.MembershipKey]bool, len(keys))
	for chunk := range slices.Chunk(keys, maxIn) {
		args := make([]any, 0, 2*len(chunk))
		for _, k := range chunk {
			args = append(args, k.ConversationID, k.UserID)
		}
		var unsure []wroteRow
		err := s.read(ctx, s.db.Primary().DB, "SELECT m.conversation_id, m.user_id, m.sent_seq, m.sought_seq, c.last_seq FROM conversation_members m"+
			" JOIN conversations c ON c.conversation_id = m.conversation_id"+
			" WHERE (m.conversation_id, m.user_id) IN ("+pairsOf(s.db.Driver())+rowMarks(len(chunk), "(?,?)")+")", args,
			func(rows *sql.Rows) error {
				var r wroteRow
				if err := rows.Scan(&r.key.ConversationID, &r.key.UserID, &r.sent, &r.sought, &r.last); err != nil {
					return err
				}
				if out[r.key] = r.sent > 0; r.sent == 0 && r.sought < r.last {
					unsure = append(unsure, r)
				}
				return nil
			})
		if err != nil {
			return nil, fmt.Errorf("read which of %d members have written: %w", len(chunk), err)
		}
		for _, r := range unsure {
			if out[r.key], err = s.seek(ctx, r); err != nil {
				return nil, fmt.Errorf("look for a message of user %d in %s: %w", r.key.UserID, r.key.ConversationID, transient(err))
			}
		}
	}
	return out, nil
}

// seek looks through the next messages for one of the member's own, and notes the result.
func (s *Store) seek(ctx context.Context, r wroteRow) (bool, error) {
	upTo := min(r.last, r.sought+soughtMost)
	var found uint64
	err := s.db.Primary().DB.QueryRowContext(ctx, "SELECT seq_id FROM messages WHERE conversation_id = ? AND seq_id > ? AND seq_id <= ?"+
		" AND sender_id = ? AND message_type <> ? ORDER BY seq_id LIMIT 1",
		r.key.ConversationID, int64(r.sought), int64(upTo), r.key.UserID, contracts.TypeSystem).Scan(&found) //nolint:gosec // numbers of messages
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	// A concurrent call may have noted a higher number.
	column, value := "sought_seq", upTo
	if found > 0 {
		column, value = "sent_seq", found
	}
	err = s.db.Again(ctx, func(ctx context.Context) error {
		return s.write(ctx, s.db.Writer().DB, "UPDATE conversation_members SET "+column+" = ? WHERE conversation_id = ? AND user_id = ? AND "+column+" < ?",
			[]any{int64(value), r.key.ConversationID, r.key.UserID, int64(value)}) //nolint:gosec // as above
	})
	return found > 0, err
}
