package sqlstore

import (
	"context"
	"errors"
	"slices"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

func (t *groupTx) remove(ctx context.Context) error {
	user := t.in.Remove.UserID
	m, err := t.member(ctx, user)
	if err != nil {
		return err
	}
	if !slices.Contains(t.in.Remove.TargetRoles, m.Role) {
		return store.ErrForbidden
	}
	if err := t.unseat(ctx, user); err != nil {
		return err
	}
	// A group that shrinks counts as large as it was for a while; see groupSize.
	if t.in.At-t.c.ShrunkAt >= shrinking.Milliseconds() {
		t.c.MemberPeak = 0
	}
	t.c.MemberPeak = max(t.c.MemberPeak, t.g.MemberCount)
	t.c.ShrunkAt = t.in.At
	t.g.MemberCount--
	return t.membersChanged(ctx, contracts.EventMemberRemoved, []int64{user}, []int64{user})
}

// unseat takes a member out of the group and out of its conversation.
func (t *groupTx) unseat(ctx context.Context, user int64) error {
	_, err := t.tx.NewDelete().Model((*groupMemberRow)(nil)).Where("group_id = ?", t.in.GroupID).Where("user_id = ?", user).Exec(ctx)
	if err != nil {
		return err
	}
	_, err = t.tx.NewUpdate().Table("conversation_members").Set("left_seq = ?", t.c.LastSeq).
		Where("conversation_id = ?", t.c.ID).Where("user_id = ?", user).Exec(ctx)
	return err
}

// leaveDissolved lets the actor out of a dissolved group, whatever their role, without a message
// and without an announcement. Having left already is no error: a repeated call, whose first answer
// was lost, finds no announcement from which it could know that it was made.
func (t *groupTx) leaveDissolved(ctx context.Context) error {
	user := t.in.ActorID
	if t.in.Remove == nil || t.in.Remove.UserID != user {
		return store.ErrNotFound
	}
	if _, err := t.member(ctx, user); errors.Is(err, store.ErrNotFound) {
		return t.hasLeft(ctx, user)
	} else if err != nil {
		return err
	}
	if err := t.unseat(ctx, user); err != nil {
		return err
	}
	t.g.MemberCount--
	if err := t.saveGroup(ctx, "member_count"); err != nil {
		return err
	}
	t.c.MemberCount = t.g.MemberCount
	t.c.MembersVersion++ // rosters that are remembered somewhere are no longer right
	_, err := t.tx.NewUpdate().Model(&t.c).Column("members_version", "member_count").WherePK().Exec(ctx)
	return err
}

// hasLeft returns nil for a user who was in the group, and store.ErrNotFound for one who never was.
func (t *groupTx) hasLeft(ctx context.Context, user int64) error {
	n, err := t.tx.NewSelect().Table("conversation_members").Where("conversation_id = ?", t.c.ID).
		Where("user_id = ?", user).Where("left_seq IS NOT NULL").Count(ctx)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}
