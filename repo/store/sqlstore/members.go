package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/contracts"
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

func (r *groupRow) info() store.GroupInfo {
	return store.GroupInfo{
		ID: r.ID, ConversationID: r.ConversationID, Name: r.Name, Announcement: r.Announcement,
		OwnerID: r.OwnerID, MemberCount: r.MemberCount, JoinPolicy: r.JoinPolicy, CreatedAt: r.CreatedAt, DissolvedAt: r.DissolvedAt,
	}
}

// Facts implements store.Members.
func (s *Store) Facts(ctx context.Context, conversations []string) (map[string]store.Facts, error) {
	out := make(map[string]store.Facts, len(conversations))
	now := time.Now().UnixMilli()
	for chunk := range slices.Chunk(conversations, maxIn) {
		var rows []conversationRow
		if err := s.db.Primary().NewSelect().Model(&rows).Where("conversation_id IN (?)", bun.List(chunk)).Scan(ctx); err != nil {
			return nil, fmt.Errorf("read %d conversations: %w", len(chunk), transient(err))
		}
		for _, r := range rows {
			f := store.Facts{Type: r.Type, Dissolved: r.DissolvedAt != 0, GroupID: r.GroupID}
			switch r.Type {
			case store.Single:
				f.UserIDs = []int64{r.UserA, r.UserB}
			case store.Group:
				f.MembersVersion, f.GroupSize = r.MembersVersion, groupSize(r.MemberCount, r.MemberPeak, r.ShrunkAt, now)
			}
			out[r.ID] = f
		}
	}
	return out, nil
}

// shrinking is how long a group that lost members counts as large as it was. Messages that were
// given to fanout while the group was large are delivered by then, and are not overtaken.
const shrinking = time.Minute

// groupSize returns the number of members; within shrinking after members left, the greatest number
// within that time.
func groupSize(count, peak, shrunkAt, now int64) int64 {
	if now-shrunkAt < shrinking.Milliseconds() {
		return max(count, peak)
	}
	return count
}

// Standings implements store.Members.
func (s *Store) Standings(ctx context.Context, keys []store.MembershipKey) (map[store.MembershipKey]store.Standing, error) {
	out := make(map[store.MembershipKey]store.Standing, len(keys))
	for chunk := range slices.Chunk(keys, maxIn) {
		args := make([]any, 0, 2*len(chunk))
		for _, k := range chunk {
			args = append(args, k.ConversationID, k.UserID)
		}
		err := s.read(ctx, s.db.Primary().DB,
			"SELECT m.conversation_id, m.user_id, m.join_seq, COALESCE(gm.role, '') FROM conversation_members m"+
				" LEFT JOIN conversations c ON c.conversation_id = m.conversation_id AND c.type = 2"+
				" LEFT JOIN group_members gm ON gm.group_id = c.group_id AND gm.user_id = m.user_id"+
				" WHERE (m.conversation_id, m.user_id) IN ("+pairsOf(s.db.Driver())+
				rowMarks(len(chunk), "(?,?)")+") AND m.left_seq IS NULL"+
				" AND m.conversation_id IN ("+marks(len(chunk))+")", append(args, conversationsOf(chunk)...),
			func(rows *sql.Rows) error {
				var k store.MembershipKey
				var one store.Standing
				if err := rows.Scan(&k.ConversationID, &k.UserID, &one.JoinSeq, &one.Role); err != nil {
					return err
				}
				out[k] = one
				return nil
			})
		if err != nil {
			return nil, fmt.Errorf("check %d memberships: %w", len(chunk), err)
		}
	}
	return out, nil
}

// Recipients implements store.Members.
func (s *Store) Recipients(ctx context.Context, groupID, after int64, limit int) (ids []int64, joinSeqs []uint64, err error) {
	conv := string(contracts.GroupConversation(contracts.GroupID(groupID)))
	ids, joinSeqs = make([]int64, 0, min(limit, 1024)), make([]uint64, 0, min(limit, 1024))
	err = s.read(ctx, s.db.Primary().DB,
		"SELECT user_id, join_seq FROM conversation_members WHERE conversation_id = ? AND user_id > ? AND left_seq IS NULL"+
			" ORDER BY user_id LIMIT ?", []any{conv, after, limit},
		func(rows *sql.Rows) error {
			var id int64
			var join uint64
			if err := rows.Scan(&id, &join); err != nil {
				return err
			}
			ids, joinSeqs = append(ids, id), append(joinSeqs, join)
			return nil
		})
	if err != nil {
		return nil, nil, fmt.Errorf("list members of group %d: %w", groupID, err)
	}
	return ids, joinSeqs, nil
}

// Groups implements store.Members.
func (s *Store) Groups(ctx context.Context, ids []int64) (map[int64]store.GroupInfo, error) {
	out := make(map[int64]store.GroupInfo, len(ids))
	for chunk := range slices.Chunk(ids, maxIn) {
		var rows []groupRow
		err := s.db.Primary().NewSelect().Model(&rows).Where("group_id IN (?)", bun.List(chunk)).Scan(ctx)
		if err != nil {
			return nil, fmt.Errorf("read %d groups: %w", len(chunk), transient(err))
		}
		for i := range rows {
			out[rows[i].ID] = rows[i].info()
		}
	}
	return out, nil
}
