package sqlstore

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"database/sql"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

type conversationRow struct {
	bun.BaseModel `bun:"table:conversations,alias:c"`

	ID            string     `bun:"conversation_id,pk"`
	Type          store.Type `bun:"type"`
	UserA         int64      `bun:"user_a"`
	UserB         int64      `bun:"user_b"`
	GroupID       int64      `bun:"group_id"`
	LastSeq       uint64     `bun:"last_seq"`
	LastMessageAt int64      `bun:"last_message_at"`
	CreatedAt     int64      `bun:"created_at"`
	DissolvedAt   int64      `bun:"dissolved_at"`
	ChangedSeq    uint64     `bun:"changed_seq"`
	// Of a group.
	MembersVersion int64 `bun:"members_version"`
	MemberCount    int64 `bun:"member_count"`
	MemberPeak     int64 `bun:"member_peak"`
	ShrunkAt       int64 `bun:"shrunk_at"`

	counts   `bun:"embed:"`
	StoredAt int64 `bun:"stored_at"`
	// ExpiredSeq is the number up to which messages have expired.
	ExpiredSeq uint64 `bun:"expired_seq"`
}

// conversationColumns are the columns of conversationRow. They are named instead of selected by *, so
// that columns which a newer program has added do no harm.
const conversationColumns = "c.conversation_id, c.type, c.user_a, c.user_b, c.group_id, c.last_seq, c.last_message_at, c.created_at," +
	" c.dissolved_at, c.changed_seq, c.members_version, c.member_count, c.member_peak, c.shrunk_at," +
	" c.counted_seq, c.skipped, c.message_seq, c.stored_at, c.expired_seq"

type memberRow struct {
	bun.BaseModel `bun:"table:conversation_members,alias:m"`

	ConversationID string        `bun:"conversation_id,pk"`
	UserID         int64         `bun:"user_id,pk"`
	JoinSeq        uint64        `bun:"join_seq"`
	ReadSeq        uint64        `bun:"read_seq"`
	LeftSeq        sql.NullInt64 `bun:"left_seq"`
}

// seenRow is a conversation together with one member's positions.
type seenRow struct {
	conversationRow `bun:",extend"`

	JoinSeq uint64 `bun:"join_seq"`
	ReadSeq uint64 `bun:"read_seq"`

	PeerReadSeq      uint64 `bun:"peer_read_seq"`
	PeerDeliveredSeq uint64 `bun:"peer_delivered_seq"`

	// skippedBefore is how many system messages there are up to the member's position.
	skippedBefore uint64
}

func (r *seenRow) view(userID int64) store.Conversation {
	out := store.Conversation{
		ID: r.ID, Type: r.Type, PeerID: r.peer(userID), GroupID: r.GroupID,
		LastSeq: r.LastSeq, ReadSeq: r.ReadSeq, JoinSeq: r.JoinSeq, Changed: r.ChangedSeq, Expired: r.ExpiredSeq, LastMessageAt: r.LastMessageAt,
		Unread: r.unread(), MessageSeq: r.lastMessage(),
	}
	if r.Type == store.Single {
		out.PeerReadSeq, out.PeerDeliveredSeq = r.PeerReadSeq, max(r.PeerReadSeq, r.PeerDeliveredSeq)
	}
	return out
}

func (r *conversationRow) peer(userID int64) int64 {
	if r.Type != store.Single {
		return 0
	}
	return r.UserA + r.UserB - userID
}

// seen selects the conversations that a user is in.
func (s *Store) seen(rows any, userID int64) *bun.SelectQuery {
	return s.db.Primary().NewSelect().Model(rows).
		ColumnExpr(conversationColumns).ColumnExpr("m.join_seq").ColumnExpr("m.read_seq").
		Join("JOIN conversation_members AS m ON m.conversation_id = c.conversation_id").
		Where("m.user_id = ?", userID).Where("m.left_seq IS NULL")
}

// Conversation implements store.Conversations.
func (s *Store) Conversation(ctx context.Context, id string, userID int64) (store.Conversation, error) {
	rows, err := s.counted(ctx, func(ctx context.Context) (rows []seenRow, err error) {
		err = peers(s.seen(&rows, userID), userID).Where("c.conversation_id = ?", id).Scan(ctx)
		return rows, err
	})
	if err != nil {
		return store.Conversation{}, fmt.Errorf("read conversation %s: %w", id, transient(err))
	}
	if len(rows) == 0 {
		return store.Conversation{}, store.ErrNotFound
	}
	return rows[0].view(userID), nil
}

func formatCursor(at int64, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at, 10) + "." + id))
}

func parseCursor(cursor string) (int64, string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", store.ErrBadCursor, err)
	}
	at, id, ok := strings.Cut(string(raw), ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || !contracts.ConversationID(id).Valid() {
		return 0, "", store.ErrBadCursor
	}
	return n, id, nil
}

// MarkRead implements store.Conversations. A call that moves nothing writes nothing.
func (s *Store) MarkRead(ctx context.Context, id string, userID int64, seq uint64) (store.Read, error) {
	before, err := s.Conversation(ctx, id, userID)
	if err != nil {
		return store.Read{}, err
	}
	out := store.Read{ReadSeq: before.ReadSeq, LastSeq: before.LastSeq, Unread: before.Unread, Type: before.Type, PeerID: before.PeerID}
	if min(seq, before.LastSeq) <= before.ReadSeq {
		return out, nil
	}
	// The last number only grows, so that the goal is in the conversation for ever.
	goal := min(seq, before.LastSeq)
	var res sql.Result
	err = s.db.Again(ctx, func(ctx context.Context) (err error) {
		res, err = s.db.Writer().NewUpdate().Table("conversation_members").Set("read_seq = ?", goal).
			Where("conversation_id = ?", id).Where("user_id = ?", userID).Where("left_seq IS NULL").
			Where("read_seq < ?", goal).Exec(ctx)
		return err
	})
	if err != nil {
		return store.Read{}, fmt.Errorf("move the read position of user %d in %s: %w", userID, id, transient(err))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return store.Read{}, fmt.Errorf("move the read position of user %d in %s: %w", userID, id, err)
	}
	after, err := s.Conversation(ctx, id, userID)
	if err != nil {
		return store.Read{}, err
	}
	out.ReadSeq, out.LastSeq, out.Unread, out.Moved = after.ReadSeq, after.LastSeq, after.Unread, n > 0
	return out, nil
}

// Memberships implements store.Conversations.
func (s *Store) Memberships(ctx context.Context, userID int64) ([]store.News, error) {
	var rows []seenRow
	err := s.seen(&rows, userID).
		Order("c.last_message_at DESC", "c.conversation_id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the memberships of user %d: %w", userID, transient(err))
	}
	out := make([]store.News, len(rows))
	for i, r := range rows {
		out[i] = store.News{
			ConversationID: r.ID, Type: r.Type, LastSeq: r.LastSeq, ReadSeq: r.ReadSeq, JoinSeq: r.JoinSeq, Changed: r.ChangedSeq, Expired: r.ExpiredSeq,
		}
	}
	return out, nil
}
