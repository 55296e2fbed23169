package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

type groupRow struct {
	bun.BaseModel `bun:"table:groups,alias:g"`

	ID             int64  `bun:"group_id,pk"`
	ConversationID string `bun:"conversation_id"`
	Name           string `bun:"name"`
	Announcement   string `bun:"announcement"`
	OwnerID        int64  `bun:"owner_id"`
	MemberCount    int64  `bun:"member_count"`
	JoinPolicy     string `bun:"join_policy"`
	CreatedAt      int64  `bun:"created_at"`
	DissolvedAt    int64  `bun:"dissolved_at"`
}

type groupMemberRow struct {
	bun.BaseModel `bun:"table:group_members,alias:gm"`

	GroupID int64 `bun:"group_id,pk"`
	UserID  int64 `bun:"user_id,pk"`
}

// Facts implements store.Members.
func (s *Store) Facts(ctx context.Context, conversations []string) (map[string]store.Facts, error) {
	out := make(map[string]store.Facts, len(conversations))
	groups := map[int64]string{}
	for chunk := range slices.Chunk(conversations, maxIn) {
		var rows []conversationRow
		if err := s.db.Primary().NewSelect().Model(&rows).Where("conversation_id IN (?)", bun.List(chunk)).Scan(ctx); err != nil {
			return nil, fmt.Errorf("read %d conversations: %w", len(chunk), transient(err))
		}
		for _, r := range rows {
			f := store.Facts{Type: r.Type, Dissolved: r.DissolvedAt != 0, GroupID: r.GroupID}
			if r.Type == store.Single {
				f.UserIDs = []int64{r.UserA, r.UserB}
			}
			if r.Type == store.Group && !f.Dissolved {
				groups[r.GroupID] = r.ID
			}
			out[r.ID] = f
		}
	}
	ids := make([]int64, 0, len(groups))
	for id := range groups {
		ids = append(ids, id)
	}
	infos, err := s.Groups(ctx, ids)
	if err != nil {
		return nil, err
	}
	for id, info := range infos {
		f := out[groups[id]]
		f.MemberCount = info.MemberCount
		out[groups[id]] = f
	}
	return out, nil
}

// AreMembers implements store.Members.
func (s *Store) AreMembers(ctx context.Context, keys []store.MembershipKey) (map[store.MembershipKey]bool, error) {
	out := make(map[store.MembershipKey]bool, len(keys))
	values := ""
	if s.db.Driver() == db.SQLite {
		values = "VALUES "
	}
	for chunk := range slices.Chunk(keys, maxIn) {
		args := make([]any, 0, 2*len(chunk))
		for _, k := range chunk {
			args = append(args, k.ConversationID, k.UserID)
		}
		err := s.read(ctx, s.db.Primary().DB,
			"SELECT conversation_id, user_id FROM conversation_members WHERE (conversation_id, user_id) IN ("+values+
				strings.TrimSuffix(strings.Repeat("(?,?),", len(chunk)), ",")+") AND left_seq IS NULL", args,
			func(rows *sql.Rows) error {
				var k store.MembershipKey
				if err := rows.Scan(&k.ConversationID, &k.UserID); err != nil {
					return err
				}
				out[k] = true
				return nil
			})
		if err != nil {
			return nil, fmt.Errorf("check %d memberships: %w", len(chunk), err)
		}
	}
	return out, nil
}

// GroupMembers implements store.Members.
func (s *Store) GroupMembers(ctx context.Context, groupID, after int64, limit int) ([]int64, error) {
	ids := make([]int64, 0, min(limit, 1024))
	err := s.db.Primary().NewSelect().Model((*groupMemberRow)(nil)).Column("user_id").
		Where("group_id = ?", groupID).Where("user_id > ?", after).Order("user_id").Limit(int64(limit)).Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("list members of group %d: %w", groupID, transient(err))
	}
	return ids, nil
}

// Groups implements store.Members.
func (s *Store) Groups(ctx context.Context, ids []int64) (map[int64]store.GroupInfo, error) {
	out := make(map[int64]store.GroupInfo, len(ids))
	for chunk := range slices.Chunk(ids, maxIn) {
		var rows []groupRow
		err := s.db.Primary().NewSelect().Model(&rows).Where("group_id IN (?)", bun.List(chunk)).Where("dissolved_at = 0").Scan(ctx)
		if err != nil {
			return nil, fmt.Errorf("read %d groups: %w", len(chunk), transient(err))
		}
		for _, r := range rows {
			out[r.ID] = store.GroupInfo{
				ID: r.ID, ConversationID: r.ConversationID, Name: r.Name, Announcement: r.Announcement,
				OwnerID: r.OwnerID, MemberCount: r.MemberCount, JoinPolicy: r.JoinPolicy, CreatedAt: r.CreatedAt,
			}
		}
	}
	return out, nil
}
