package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// groupTx is one change of a group under way.
type groupTx struct {
	s   *Store
	tx  bun.Tx
	in  *store.GroupChange
	g   groupRow
	c   conversationRow
	out *store.GroupChanged
	// role is the actor's; empty: not a member.
	role string
}

// ChangeGroup implements store.Groups. A change that was committed although the connection was lost
// is found by its announcement, and is not made again.
func (s *Store) ChangeGroup(ctx context.Context, in store.GroupChange) (store.GroupChanged, error) {
	var out store.GroupChanged
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out = store.GroupChanged{}
		t := &groupTx{s: s, tx: tx, in: &in, out: &out}
		done, err := readAnnouncement(ctx, tx, in.AnnouncementID)
		if err != nil {
			return err
		}
		if done != nil {
			return t.answerRepeated(ctx, done)
		}
		if t.g, t.c, err = s.lockGroup(ctx, tx, in.GroupID); err != nil {
			return err
		}
		if err := t.make(ctx); err != nil {
			return err
		}
		out.Group = t.g.info()
		return nil
	})
	if err != nil {
		return store.GroupChanged{}, fmt.Errorf("change group %d: %w", in.GroupID, transient(err))
	}
	return out, nil
}

// answerRepeated answers a repeated call with what the first one did.
func (t *groupTx) answerRepeated(ctx context.Context, done *store.Announcement) error {
	if err := t.tx.NewSelect().Model(&t.g).Where("group_id = ?", t.in.GroupID).Scan(ctx); err != nil {
		return err
	}
	t.out.Group, t.out.Announcement = t.g.info(), done
	if t.in.Add != nil {
		t.out.Added = done.UserIDs
		for _, id := range t.in.Add.Users {
			if !slices.Contains(done.UserIDs, id) {
				t.out.Already = append(t.out.Already, id)
			}
		}
	}
	if t.in.Role == nil {
		return nil
	}
	m, err := t.member(ctx, t.in.Role.UserID)
	t.out.Member = &m
	return err
}

func (t *groupTx) make(ctx context.Context) error {
	if t.g.DissolvedAt != 0 {
		return t.leaveDissolved(ctx)
	}
	if err := t.authorize(ctx); err != nil {
		return err
	}
	return t.change(ctx)
}

func (t *groupTx) authorize(ctx context.Context) error {
	m, err := t.member(ctx, t.in.ActorID)
	open := t.g.JoinPolicy == contracts.JoinOpen
	switch {
	case errors.Is(err, store.ErrNotFound) && t.in.AnyOpen && open:
		return nil
	case err != nil:
		return err
	case slices.Contains(t.in.ActorRoles, m.Role), open && slices.Contains(t.in.OpenRoles, m.Role):
		t.role = m.Role
		return nil
	}
	return store.ErrForbidden
}

func (t *groupTx) member(ctx context.Context, user int64) (store.GroupMember, error) {
	var row groupMemberRow
	err := t.tx.NewSelect().Model(&row).Where("group_id = ?", t.in.GroupID).Where("user_id = ?", user).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return row.member(), err
}

func (t *groupTx) change(ctx context.Context) error {
	switch in := t.in; {
	case in.Patch != nil:
		return t.patch(ctx)
	case in.Add != nil:
		return t.add(ctx)
	case in.Remove != nil:
		return t.remove(ctx)
	case in.Role != nil:
		return t.setRole(ctx)
	case in.Dissolve:
		return t.dissolve(ctx)
	}
	return errors.New("a change of a group that changes nothing")
}

func (t *groupTx) patch(ctx context.Context) error {
	before := t.g
	set := func(to, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&t.g.Name, t.in.Patch.Name)
	set(&t.g.Announcement, t.in.Patch.Announcement)
	set(&t.g.JoinPolicy, t.in.Patch.JoinPolicy)
	if t.g == before {
		return nil
	}
	if err := t.saveGroup(ctx, "name", "announcement", "join_policy"); err != nil {
		return err
	}
	return t.announce(ctx, contracts.EventUpdated, nil, nil)
}

func (t *groupTx) saveGroup(ctx context.Context, columns ...string) error {
	_, err := t.tx.NewUpdate().Model(&t.g).Column(columns...).WherePK().Exec(ctx)
	return err
}

func (t *groupTx) add(ctx context.Context) error {
	if err := usersExist(ctx, t.tx, t.in.Add.Users); err != nil {
		return err
	}
	in := map[int64]bool{}
	for chunk := range slices.Chunk(t.in.Add.Users, maxIn) {
		var ids []int64
		err := t.tx.NewSelect().Model((*groupMemberRow)(nil)).Column("user_id").Where("group_id = ?", t.in.GroupID).
			Where("user_id IN (?)", bun.List(chunk)).Scan(ctx, &ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			in[id] = true
		}
	}
	for _, id := range t.in.Add.Users {
		if in[id] {
			t.out.Already = append(t.out.Already, id)
		} else {
			t.out.Added = append(t.out.Added, id)
		}
	}
	added := t.out.Added
	if len(added) == 0 {
		return nil
	}
	if t.g.MemberCount+int64(len(added)) > t.in.Add.Most {
		return store.ErrTooLarge
	}
	if err := insertMembers(ctx, t.tx, &t.g, added, t.in.At); err != nil {
		return err
	}
	join := t.c.LastSeq
	if t.in.Add.WholeHistory {
		join = 0
	}
	if err := t.s.seat(ctx, t.tx, t.c.ID, added, join, t.c.LastSeq); err != nil {
		return err
	}
	t.g.MemberCount += int64(len(added))
	return t.membersChanged(ctx, contracts.EventMembersAdded, added, nil)
}

// membersChanged stores the system message about members who came or went, and updates the columns
// that depend on who is in the group: counts, members version, last number.
func (t *groupTx) membersChanged(ctx context.Context, event string, users, former []int64) error {
	if err := t.saveGroup(ctx, "member_count"); err != nil {
		return err
	}
	msg := store.Message{
		ID: t.in.MessageID, ConversationID: t.c.ID, Seq: t.c.LastSeq + 1, SenderID: t.in.ActorID,
		Content: contracts.MembersContent(event, users).Text(), Type: contracts.TypeSystem,
		ClientID: systemKey(t.in.MessageID), Timestamp: t.in.At,
	}
	_, err := t.tx.Tx.ExecContext(ctx, "INSERT INTO messages ("+messageColumns+") VALUES (?,?,?,?,?,?,?,?,?)",
		msg.ConversationID, int64(msg.Seq), msg.ID, msg.SenderID, msg.ClientID, msg.Content, msg.Type, msg.Timestamp, nil)
	if err != nil {
		return err
	}
	t.c.LastSeq, t.c.StoredAt = msg.Seq, max(t.c.StoredAt, msg.Timestamp)
	if t.c.add(msg.Seq, true) {
		err := skipsStatement(t.s.db.Driver()).exec(ctx, t.tx.Tx, []any{t.c.ID, int64(msg.Seq), int64(t.c.Skipped)}) //nolint:gosec // a number of a message
		if err != nil {
			return err
		}
	}
	t.c.MembersVersion++
	t.c.MemberCount = t.g.MemberCount
	_, err = t.tx.NewUpdate().Model(&t.c).Column("last_seq", "stored_at", "members_version", "member_count", "member_peak", "shrunk_at",
		"counted_seq", "skipped", "message_seq").WherePK().Exec(ctx)
	if err != nil {
		return err
	}
	t.out.Committed = &store.Committed{ConversationID: t.c.ID, LastSeq: msg.Seq, Stored: []store.Message{msg}}
	return t.announceMessage(ctx, event, users, former, &msg)
}

func (t *groupTx) setRole(ctx context.Context) error {
	to := t.in.Role
	m, err := t.member(ctx, to.UserID)
	if err != nil {
		return err
	}
	t.out.Member = &m
	if m.Role == to.Role {
		return nil
	}
	if m.Role == contracts.RoleOwner {
		return store.ErrForbidden // the owner's role goes by transfer only
	}
	m.Role = to.Role
	roles := map[int64]string{to.UserID: to.Role}
	users := []int64{to.UserID}
	if to.Role == contracts.RoleOwner {
		roles[t.in.ActorID] = contracts.RoleAdmin
		users = append(users, t.in.ActorID)
		t.g.OwnerID = to.UserID
		if err := t.saveGroup(ctx, "owner_id"); err != nil {
			return err
		}
	}
	for user, role := range roles {
		_, err := t.tx.NewUpdate().Table("group_members").Set("role = ?", role).
			Where("group_id = ?", t.in.GroupID).Where("user_id = ?", user).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return t.announce(ctx, contracts.EventRoleChanged, users, nil)
}

func (t *groupTx) dissolve(ctx context.Context) error {
	t.g.DissolvedAt, t.c.DissolvedAt = t.in.At, t.in.At
	if err := t.saveGroup(ctx, "dissolved_at"); err != nil {
		return err
	}
	if _, err := t.tx.NewUpdate().Model(&t.c).Column("dissolved_at").WherePK().Exec(ctx); err != nil {
		return err
	}
	return t.announce(ctx, contracts.EventDissolved, nil, nil)
}

func (t *groupTx) announce(ctx context.Context, event string, users, former []int64) error {
	return t.announceMessage(ctx, event, users, former, nil)
}

func (t *groupTx) announceMessage(ctx context.Context, event string, users, former []int64, msg *store.Message) error {
	t.out.Announcement = &store.Announcement{
		ID: t.in.AnnouncementID, At: t.in.At, GroupID: t.in.GroupID, ConversationID: t.c.ID, Event: event,
		ActorID: t.in.ActorID, UserIDs: users, Former: former, MembersVersion: t.c.MembersVersion, Message: msg,
	}
	return insertAnnouncement(ctx, t.tx, t.out.Announcement)
}
