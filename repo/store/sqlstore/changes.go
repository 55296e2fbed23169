package sqlstore

import (
	"context"
	"database/sql"
	"slices"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// changes are the changes that the messages of a plan make to earlier messages.
type changes struct {
	targets map[place]*target
	roles   map[store.MembershipKey]string
	order   []*target
}

// place is where a message lies.
type place struct {
	conv string
	seq  uint64
}

// target is an earlier message as it is after the changes so far.
type target struct {
	msg   store.Message
	dirty bool
	// blanks are the numbers of the edits of a recalled message: they lose their text, too.
	blanks []uint64
}

// loadTargets reads the messages that are to be changed. The conversations are locked:
// nobody else changes them meanwhile.
func (p *plan) loadTargets(ctx context.Context) error {
	p.changes = &changes{targets: map[place]*target{}, roles: map[store.MembershipKey]string{}}
	var targets, roles []any
	for _, c := range p.calls {
		for i := range c.Value.run {
			m := &c.Value.run[i]
			if m.Extra == nil || m.Extra.Change == nil || !p.convs[m.ConversationID].exists {
				continue
			}
			targets = append(targets, m.ConversationID, int64(m.Extra.Change.Seq))
			if group, of := contracts.ConversationID(m.ConversationID).GroupID(); of && m.Extra.Change.AsAdmin {
				roles = append(roles, int64(group), m.SenderID)
			}
		}
	}
	err := p.stmts.targets.query(ctx, p.tx, targets, func(rows *sql.Rows) error {
		m, err := scanMessage(rows)
		if err != nil {
			return err
		}
		p.changes.targets[place{m.ConversationID, m.Seq}] = &target{msg: m}
		return nil
	})
	if err != nil {
		return err
	}
	return p.stmts.roles.query(ctx, p.tx, roles, func(rows *sql.Rows) error {
		var group, user int64
		var role string
		if err := rows.Scan(&group, &user, &role); err != nil {
			return err
		}
		conv := string(contracts.GroupConversation(contracts.GroupID(group)))
		p.changes.roles[store.MembershipKey{ConversationID: conv, UserID: user}] = role
		return nil
	})
}

// apply checks the earlier message that m replies to or changes, and makes the change in memory. It
// returns 0 when m may be stored.
func (p *plan) apply(c *conv, m *store.Message) store.Outcome {
	key := store.MembershipKey{ConversationID: m.ConversationID, UserID: m.SenderID}
	floor := uint64(0)
	if c.group { // world and single chats are readable from the start
		floor = p.members[key].join
	}
	if to := m.Extra.ReplyTo; to != 0 && (to <= floor || to > c.LastSeq) {
		return store.NoTarget
	}
	ch := m.Extra.Change
	if ch == nil {
		return 0
	}
	t := p.changes.targets[place{m.ConversationID, ch.Seq}]
	if t == nil || ch.Seq <= floor {
		return store.NoTarget
	}
	if role := p.changes.roles[key]; ch.AsAdmin && role != contracts.RoleOwner && role != contracts.RoleAdmin {
		return store.Forbidden
	}
	// m gets the next number of its conversation.
	why := t.change(ch, m, c.LastSeq+1)
	if why == 0 && !t.dirty {
		t.dirty = true
		p.changes.order = append(p.changes.order, t)
	}
	return why
}

// change makes one change of the target; seq is the change's own number. It returns 0 when it did.
func (t *target) change(ch *store.Change, by *store.Message, seq uint64) store.Outcome {
	var e store.Extra
	if t.msg.Extra != nil {
		e = *t.msg.Extra
	}
	if e.RecalledAt != 0 || e.Expired || e.Change != nil || t.msg.Type == contracts.TypeSystem {
		return store.Conflict
	}
	switch ch.Kind {
	case store.Recall:
		t.blanks = e.Edits
		t.msg.Content = ""
		e = store.Extra{ReplyTo: e.ReplyTo, RecalledAt: by.Timestamp, RecalledBy: by.SenderID}
	case store.Edit:
		if len(e.Edits) >= store.MaxEdits {
			return store.Conflict
		}
		t.msg.Content = ch.Text
		e.EditedAt, e.Edits = by.Timestamp, append(slices.Clone(e.Edits), seq)
	case store.React, store.Unreact:
		reactions, why := react(e.Reactions, ch, by.SenderID)
		if why != 0 {
			return why
		}
		e.Reactions = reactions
	default:
		return store.Conflict
	}
	t.msg.Extra = &e
	return 0
}

// react returns the reactions after one was added or removed; old stays as it is. Reactions are
// compared in their canonical form: entries of this reaction that older programs stored in other
// forms are merged into one.
func react(old []store.Reaction, ch *store.Change, user int64) ([]store.Reaction, store.Outcome) {
	reaction := contracts.CanonicalReaction(ch.Reaction)
	out := make([]store.Reaction, 0, len(old)+1)
	total, at := 0, -1
	for _, r := range old {
		total += len(r.Users)
		if contracts.CanonicalReaction(r.Reaction) != reaction {
			out = append(out, r)
			continue
		}
		if at < 0 {
			at = len(out)
			out = append(out, store.Reaction{Reaction: reaction})
		}
		for _, u := range r.Users {
			if !slices.Contains(out[at].Users, u) {
				out[at].Users = append(out[at].Users, u)
			}
		}
	}
	mine := at >= 0 && slices.Contains(out[at].Users, user)
	switch {
	case ch.Kind == store.React && mine:
		return nil, store.ReactedAlready
	case ch.Kind == store.Unreact && !mine:
		return nil, store.NoTarget
	case ch.Kind == store.React && total >= store.MaxReactions:
		return nil, store.Conflict
	case ch.Kind == store.React && at < 0:
		out = append(out, store.Reaction{Reaction: reaction, Users: []int64{user}})
	case ch.Kind == store.React:
		out[at].Users = append(out[at].Users, user)
	case len(out[at].Users) == 1:
		out = slices.Delete(out, at, at+1)
	default:
		out[at].Users = slices.DeleteFunc(out[at].Users, func(u int64) bool { return u == user })
	}
	return out, 0
}

// rewrite writes the changed messages, and notes them for the cache.
func (p *plan) rewrite(ctx context.Context) error {
	for _, t := range p.changes.order {
		extra, err := formatExtra(t.msg.Extra)
		if err != nil {
			return err
		}
		_, err = p.tx.ExecContext(ctx, "UPDATE messages SET content = ?, extra = ? WHERE conversation_id = ? AND seq_id = ?",
			t.msg.Content, extra, t.msg.ConversationID, int64(t.msg.Seq))
		if err != nil {
			return err
		}
		if len(t.blanks) > 0 {
			blank := contracts.SystemContent{Event: contracts.EventEdited, SeqID: t.msg.Seq}.Text()
			args := []any{blank, t.msg.ConversationID}
			for _, seq := range t.blanks {
				args = append(args, int64(seq))
			}
			query := statement{head: "UPDATE messages SET content = ? WHERE conversation_id = ? AND seq_id IN (", row: "?", tail: ")"}
			_, err := p.tx.ExecContext(ctx, query.text(len(t.blanks)), args...)
			if err != nil {
				return err
			}
		}
		c := p.convs[t.msg.ConversationID]
		c.Updated = append(c.Updated, t.msg)
		c.Dropped = append(c.Dropped, t.blanks...)
	}
	return nil
}
