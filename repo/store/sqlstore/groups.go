package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

type groupMemberRow struct {
	bun.BaseModel `bun:"table:group_members,alias:gm"`

	GroupID  int64  `bun:"group_id,pk"`
	UserID   int64  `bun:"user_id,pk"`
	Role     string `bun:"role"`
	JoinedAt int64  `bun:"joined_at"`
}

func (r *groupMemberRow) member() store.GroupMember {
	return store.GroupMember{UserID: r.UserID, Role: r.Role, JoinedAt: r.JoinedAt}
}

// StoreGroup implements store.Groups.
func (s *Store) StoreGroup(ctx context.Context, g store.GroupInfo, members []int64, announcementID int64) (store.GroupChanged, error) {
	conv := string(contracts.GroupConversation(contracts.GroupID(g.ID)))
	all := append([]int64{g.OwnerID}, members...)
	row := groupRow{
		ID: g.ID, ConversationID: conv, Name: g.Name, Announcement: g.Announcement, OwnerID: g.OwnerID,
		MemberCount: int64(len(all)), JoinPolicy: g.JoinPolicy, CreatedAt: g.CreatedAt,
	}
	told := &store.Announcement{
		ID: announcementID, At: g.CreatedAt, GroupID: g.ID, ConversationID: conv, Event: contracts.EventCreated,
		ActorID: g.OwnerID, UserIDs: members, MembersVersion: 1,
	}
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if done, err := readAnnouncement(ctx, tx, announcementID); err != nil || done != nil {
			return err // it was committed before, and only the answer was lost
		}
		if err := usersExist(ctx, tx, all); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewInsert().Model(&conversationRow{
			ID: conv, Type: store.Group, GroupID: g.ID, LastMessageAt: g.CreatedAt, CreatedAt: g.CreatedAt,
			MembersVersion: 1, MemberCount: row.MemberCount,
		}).Exec(ctx)
		if err != nil {
			return err
		}
		if err := insertMembers(ctx, tx, &row, all, g.CreatedAt); err != nil {
			return err
		}
		if err := s.seat(ctx, tx, conv, all, 0, 0); err != nil {
			return err
		}
		return insertAnnouncement(ctx, tx, told)
	})
	if _, taken := db.IsUniqueViolation(err); taken {
		err = store.ErrExists
	}
	if err != nil {
		return store.GroupChanged{}, fmt.Errorf("make group %d: %w", g.ID, transient(err))
	}
	return store.GroupChanged{Group: row.info(), Announcement: told}, nil
}

// usersExist returns store.ErrNotFound when one of the users does not exist. ids are all different.
func usersExist(ctx context.Context, tx bun.Tx, ids []int64) error {
	for chunk := range slices.Chunk(ids, maxIn) {
		n, err := tx.NewSelect().Model((*userRow)(nil)).Where("user_id IN (?)", bun.List(chunk)).Count(ctx)
		if err != nil {
			return err
		}
		if int(n) != len(chunk) {
			return store.ErrNotFound
		}
	}
	return nil
}

func insertMembers(ctx context.Context, tx bun.Tx, g *groupRow, users []int64, at int64) error {
	for chunk := range slices.Chunk(users, maxIn) {
		rows := make([]groupMemberRow, len(chunk))
		for i, id := range chunk {
			rows[i] = groupMemberRow{GroupID: g.ID, UserID: id, Role: contracts.RoleMember, JoinedAt: at}
			if id == g.OwnerID {
				rows[i].Role = contracts.RoleOwner
			}
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// seat makes users members of a conversation, in which they may have been before.
func (s *Store) seat(ctx context.Context, tx bun.Tx, conv string, users []int64, join, read uint64) error {
	tail := " ON CONFLICT (conversation_id, user_id) DO UPDATE SET join_seq = excluded.join_seq, read_seq = excluded.read_seq, left_seq = NULL"
	if s.db.Driver() == db.MySQL {
		tail = " ON DUPLICATE KEY UPDATE join_seq = VALUES(join_seq), read_seq = VALUES(read_seq), left_seq = NULL"
	}
	const row = "(?,?,?,?)"
	for chunk := range slices.Chunk(users, maxIn) {
		args := make([]any, 0, 4*len(chunk))
		for _, id := range chunk {
			args = append(args, conv, id, int64(join), int64(read))
		}
		one := statement{width: 4, row: row, tail: tail, head: "INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq) VALUES "}
		if _, err := tx.Tx.ExecContext(ctx, one.text(len(chunk)), args...); err != nil {
			return err
		}
	}
	return nil
}

// GroupMembers implements store.Groups.
func (s *Store) GroupMembers(ctx context.Context, groupID int64, users []int64) ([]store.GroupMember, error) {
	var out []store.GroupMember
	for chunk := range slices.Chunk(users, maxIn) {
		var rows []groupMemberRow
		err := s.db.Primary().NewSelect().Model(&rows).Where("group_id = ?", groupID).Where("user_id IN (?)", bun.List(chunk)).Scan(ctx)
		if err != nil {
			return nil, fmt.Errorf("read members of group %d: %w", groupID, transient(err))
		}
		for i := range rows {
			out = append(out, rows[i].member())
		}
	}
	return out, nil
}

// PageMembers implements store.Groups.
func (s *Store) PageMembers(ctx context.Context, groupID, after int64, limit int) ([]store.GroupMember, error) {
	var rows []groupMemberRow
	err := s.db.Primary().NewSelect().Model(&rows).Where("group_id = ?", groupID).Where("user_id > ?", after).
		Order("user_id").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list members of group %d: %w", groupID, transient(err))
	}
	out := make([]store.GroupMember, len(rows))
	for i := range rows {
		out[i] = rows[i].member()
	}
	return out, nil
}

// systemKey is the tempMessageId of a system message that the server itself makes.
func systemKey(messageID int64) string { return "system:" + strconv.FormatInt(messageID, 10) }

// lockGroup reads a group, a dissolved one too, and locks its conversation: transactions that store
// messages there wait.
func (s *Store) lockGroup(ctx context.Context, tx bun.Tx, groupID int64) (g groupRow, c conversationRow, err error) {
	q := tx.NewSelect().Model(&c).Where("conversation_id = ?", string(contracts.GroupConversation(contracts.GroupID(groupID))))
	if s.db.Driver() == db.MySQL {
		q = q.For("UPDATE")
	}
	if err = q.Scan(ctx); err == nil {
		err = tx.NewSelect().Model(&g).Where("group_id = ?", groupID).Scan(ctx)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return g, c, err
}
