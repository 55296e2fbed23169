package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// expiredAPage is how many messages of a conversation are read at once. It is small because most
// conversations have few messages that are due.
const expiredAPage = store.BlockSize

// expireIn removes the content of a conversation's next messages with timestamps before a time, at most
// room of them. It stops at the first later one: times grow with numbers, except for differences
// between clocks.
func expireIn(ctx context.Context, tx *sql.Tx, p keptPlace, before int64, room int) (store.Expired, error) {
	done := store.Expired{ConversationID: p.id, Through: p.expired}
	for more := true; more && done.Messages < room; {
		most := min(expiredAPage, room-done.Messages)
		var page []store.Message
		err := queryEach(ctx, tx, "SELECT "+messageColumns+" FROM messages WHERE conversation_id = ? AND seq_id > ? ORDER BY seq_id LIMIT ?",
			[]any{p.id, int64(done.Through), most}, collect(&page))
		if err != nil {
			return done, err
		}
		if at := slices.IndexFunc(page, func(m store.Message) bool { return m.Timestamp >= before }); at >= 0 {
			page = page[:at]
		}
		if more = len(page) == most; len(page) == 0 {
			break
		}
		done.Through, done.Messages = page[len(page)-1].Seq, done.Messages+len(page)
		edits, err := expireRows(ctx, tx, page)
		if err != nil {
			return done, err
		}
		done.Edits = append(done.Edits, edits...)
	}
	if done.Messages == 0 {
		return done, nil
	}
	_, err := tx.ExecContext(ctx, "UPDATE conversations SET expired_seq = ? WHERE conversation_id = ?", int64(done.Through), p.id)
	return done, err
}

// plainExpired is the column extra of an expired message that had none before, as most.
const plainExpired = `{"expired":true}`

// expireRows writes what is left of consecutive messages of a conversation: one statement for all that
// have no extra, as most, and one for each of the others. It returns the numbers of later edits of
// these messages, whose text is removed as well.
func expireRows(ctx context.Context, tx *sql.Tx, page []store.Message) (edits []uint64, err error) {
	first, last := page[0], page[len(page)-1]
	for i := range page {
		m := &page[i]
		plain := m.Extra == nil
		if !plain {
			after := editsAfter(m, last.Seq)
			if err := blankEdits(ctx, tx, m, after); err != nil {
				return nil, err
			}
			edits = append(edits, after...)
		}
		if !m.Expire(last.Seq) || plain {
			continue
		}
		if err := writeExpired(ctx, tx, m); err != nil {
			return nil, err
		}
	}
	_, err = tx.ExecContext(ctx, "UPDATE messages SET content = '', extra = ? WHERE conversation_id = ? AND seq_id >= ? AND seq_id <= ?"+
		" AND extra IS NULL AND message_type <> 'system'", plainExpired, first.ConversationID, int64(first.Seq), int64(last.Seq))
	return edits, err
}

func editsAfter(m *store.Message, last uint64) (out []uint64) {
	for _, seq := range m.Extra.Edits {
		if seq > last {
			out = append(out, seq)
		}
	}
	return out
}

// blankEdits removes the text of edits that have not expired themselves, as a recall does. A message
// has few edits.
func blankEdits(ctx context.Context, tx *sql.Tx, m *store.Message, edits []uint64) error {
	if len(edits) == 0 {
		return nil
	}
	args := []any{contracts.SystemContent{Event: contracts.EventEdited, SeqID: m.Seq}.Text(), m.ConversationID}
	for _, seq := range edits {
		args = append(args, int64(seq))
	}
	//nolint:gosec // question marks are added
	_, err := tx.ExecContext(ctx, "UPDATE messages SET content = ? WHERE conversation_id = ? AND seq_id IN ("+marks(len(edits))+")", args...)
	return err
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
