package sqlstore

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// insert decides about each message, in order, and writes the new ones.
func (p *plan) insert(ctx context.Context) error {
	for i, c := range p.calls {
		if err := p.clash(c); err != nil {
			p.failed[c] = err
			continue
		}
		for j := range c.Value.run {
			res, err := p.settle(&c.Value.run[j])
			if err != nil {
				return err
			}
			p.results[i][j] = res
		}
	}
	return p.stmts.insert.exec(ctx, p.tx, p.rows)
}

// clash returns an error when a message id belongs to another message, because two processes made
// ids with the same worker id. The call then fails before any of its messages gets a number, and
// is repeated with new ids.
func (p *plan) clash(c *call) error {
	if !p.careful {
		return nil
	}
	for i := range c.Value.run {
		m := &c.Value.run[i]
		key := sendKey{m.SenderID, m.ClientID}
		if owner, taken := p.taken[m.ID]; taken && owner != key {
			return fmt.Errorf("%w: message id %d belongs to another message", store.ErrUnavailable, m.ID)
		}
		p.taken[m.ID] = key
	}
	return nil
}

// settle gives one message its outcome and, when it is new, its number: the
// next one of its conversation, whatever was proposed.
func (p *plan) settle(m *store.Message) (store.SaveResult, error) {
	c := p.convs[m.ConversationID]
	key := sendKey{m.SenderID, m.ClientID}
	if old, ok := p.known[key]; ok {
		// A sender may have used the key in another conversation, whose cached numbers are not this call's: in a
		// cluster of Redis its keys may be of another slot, and the script with both would be refused.
		if old.ConversationID == m.ConversationID {
			c.Known = append(c.Known, old)
		}
		return p.result(c, store.Duplicate, old), nil
	}
	why := p.refusal(m)
	if why == 0 && m.Extra != nil {
		why = p.apply(c, m)
	}
	if why != 0 {
		c.Refused = append(c.Refused, m.Key())
		return store.SaveResult{Outcome: why}, nil
	}
	saved := *m
	c.LastSeq++
	saved.Seq = c.LastSeq
	if m.Extra != nil && m.Extra.Change != nil {
		c.Changed = saved.Seq
	}
	extra, err := formatExtra(saved.Extra)
	if err != nil {
		return store.SaveResult{}, err
	}
	c.Stored = append(c.Stored, saved)
	p.known[key] = saved
	p.count(c, &saved)
	p.rows = append(p.rows, saved.ConversationID, int64(saved.Seq), saved.ID, saved.SenderID,
		saved.ClientID, saved.Content, saved.Type, saved.Timestamp, extra)
	return p.result(c, store.Stored, saved), nil
}

// count notes what a message changes of its conversation (times and counts) and of its sender's read
// position. A system message moves neither last_message_at nor a read position.
func (p *plan) count(c *conv, m *store.Message) {
	c.storedAt = max(c.storedAt, m.Timestamp)
	if c.firstAt == 0 || m.Timestamp < c.firstAt {
		c.firstAt = m.Timestamp
	}
	system := m.Type == contracts.TypeSystem
	if c.add(m.Seq, system) {
		p.skips = append(p.skips, c.ConversationID, int64(m.Seq), int64(c.Skipped)) //nolint:gosec // a number of a message
	}
	if system {
		return
	}
	c.lastAt = max(c.lastAt, m.Timestamp)
	p.reads[store.MembershipKey{ConversationID: m.ConversationID, UserID: m.SenderID}] = m.Seq
}

func (p *plan) skip(ctx context.Context) error { return p.stmts.skips.exec(ctx, p.tx, p.skips) }

func (p *plan) result(c *conv, outcome store.Outcome, m store.Message) store.SaveResult {
	return store.SaveResult{Outcome: outcome, Message: m, MembersVersion: c.membersVersion, GroupSize: c.groupSize}
}

func (p *plan) advance(ctx context.Context) error {
	args := make([]any, 0, len(p.order)*p.stmts.advance.width)
	for _, c := range p.order {
		if len(c.Stored) > 0 {
			args = append(args, c.ConversationID, int64(c.LastSeq), c.lastAt, c.storedAt, int64(c.Changed),
				int64(c.Counted), int64(c.Skipped), int64(c.MessageSeq))
		}
	}
	return p.stmts.advance.exec(ctx, p.tx, args)
}

// noteKept sets kept_at of conversations in which everything had expired and a message is stored now:
// they have something to expire again. It is a statement of its own since on SQLite a statement that
// names the column writes its index, whatever the value.
func (p *plan) noteKept(ctx context.Context) error {
	for _, c := range p.order {
		if !c.nothingKept || len(c.Stored) == 0 {
			continue
		}
		_, err := p.tx.ExecContext(ctx, "UPDATE conversations SET kept_at = ? WHERE conversation_id = ?", max(c.firstAt, 1), c.ConversationID)
		if err != nil {
			return err
		}
	}
	return nil
}

// raise moves each sender's read position to the sender's newest message, and notes that the sender
// has written. System messages, which changes are, do neither.
func (p *plan) raise(ctx context.Context) error {
	args := make([]any, 0, len(p.reads)*p.stmts.read.width)
	for _, c := range p.order {
		for i := range c.Stored {
			m := &c.Stored[i]
			if p.reads[store.MembershipKey{ConversationID: m.ConversationID, UserID: m.SenderID}] == m.Seq {
				args = append(args, m.ConversationID, m.SenderID, int64(m.Seq), int64(m.Seq))
			}
		}
	}
	return p.stmts.read.exec(ctx, p.tx, args)
}

// publish gives the calls their results, once the transaction is committed, and returns its effects.
func (p *plan) publish() []store.Committed {
	for i, c := range p.calls {
		if err := p.failed[c]; err != nil {
			c.Value.results, c.Value.err = nil, err
			continue
		}
		c.Value.results = p.results[i]
	}
	effects := make([]store.Committed, len(p.order))
	for i, c := range p.order {
		effects[i] = c.Committed
	}
	return effects
}
