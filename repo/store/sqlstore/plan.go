package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/repo/store"
)

// plan is one attempt to store a group of calls.
type plan struct {
	tx      *sql.Tx
	stmts   *statements
	careful bool

	calls   []*call
	results [][]store.SaveResult
	failed  map[*call]error

	convs   map[string]*conv
	order   []*conv
	members map[store.MembershipKey]seat
	// refusals: there is a refusal of any send. refused has those of this plan's sends.
	refusals bool
	refused  map[sendKey]bool
	changes  *changes
	known    map[sendKey]store.Message
	taken    map[int64]sendKey
	reads    map[store.MembershipKey]uint64
	rows     []any
	// skips are rows for the system messages.
	skips []any
}

// sendKey is the idempotency key of a send, unique for ever.
type sendKey struct {
	sender int64
	client string
}

// conv is a conversation for which the plan's calls have messages.
type conv struct {
	store.Committed
	counts
	exists, dissolved bool
	// lastAt is the time of the plan's newest message that is no system message, storedAt that of its
	// newest message of any type.
	lastAt, storedAt int64
	// nothingKept: everything that was stored before has expired. firstAt is the time of the plan's
	// oldest new message.
	nothingKept    bool
	firstAt        int64
	group          bool
	membersVersion int64
	groupSize      int64
}

// seat is the membership of a sender in a conversation.
type seat struct {
	taken bool   // the sender is a member
	join  uint64 // the join floor
}

// attempt runs one transaction. When it fails, the calls are as before and can be tried again.
func (s *lane) attempt(ctx context.Context, calls []*call, careful bool) ([]store.Committed, error) {
	p := newPlan(calls, s.stmts, careful)
	err := s.db.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		p.tx = tx.Tx
		for _, step := range []struct {
			what string
			do   func(context.Context) error
		}{
			{"load conversations", p.loadConversations}, {"load members", p.loadMembers},
			{"look for refusals", p.loadRefusals}, {"look for duplicates", p.lookUp}, {"find the newest numbers", p.loadTops}, {"load what is changed", p.loadTargets},
			{"insert messages", p.insert}, {"change messages", p.rewrite},
			{"count system messages", p.skip}, {"advance conversations", p.advance}, {"note what is kept", p.noteKept}, {"raise read positions", p.raise},
		} {
			if err := step.do(ctx); err != nil {
				return fmt.Errorf("%s: %w", step.what, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.publish(), nil
}

func newPlan(calls []*call, stmts *statements, careful bool) *plan {
	n := 0
	for _, c := range calls {
		n += len(c.Value.run)
	}
	p := &plan{
		stmts: stmts, careful: careful, calls: calls,
		results: make([][]store.SaveResult, len(calls)), failed: map[*call]error{},
		convs: map[string]*conv{}, members: make(map[store.MembershipKey]seat, n),
		known: map[sendKey]store.Message{}, taken: map[int64]sendKey{},
		reads: make(map[store.MembershipKey]uint64, n), rows: make([]any, 0, n*stmts.insert.width),
	}
	for i, c := range calls {
		p.results[i] = make([]store.SaveResult, len(c.Value.run))
		for j := range c.Value.run {
			m := &c.Value.run[j]
			cv := p.convs[m.ConversationID]
			if cv == nil {
				cv = &conv{Committed: store.Committed{ConversationID: m.ConversationID}}
				p.convs[m.ConversationID] = cv
				p.order = append(p.order, cv)
			}
			cv.TopProposed = max(cv.TopProposed, m.Seq)
		}
	}
	// One order for all processes, so that they do not deadlock.
	slices.SortFunc(p.order, func(a, b *conv) int { return strings.Compare(a.ConversationID, b.ConversationID) })
	return p
}

func (p *plan) loadConversations(ctx context.Context) error {
	args := make([]any, len(p.order))
	for i, c := range p.order {
		args[i] = c.ConversationID
	}
	return p.stmts.conversations.query(ctx, p.tx, args, func(rows *sql.Rows) error {
		var r conversationRow
		var keptAt int64
		err := rows.Scan(&r.ID, &r.Type, &r.LastSeq, &r.DissolvedAt, &r.ChangedSeq,
			&r.MembersVersion, &r.MemberCount, &r.MemberPeak, &r.ShrunkAt, &r.Counted, &r.Skipped, &r.MessageSeq, &keptAt)
		if err != nil {
			return err
		}
		if c := p.convs[r.ID]; c != nil {
			c.exists, c.dissolved, c.LastSeq, c.ChangedBefore = true, r.DissolvedAt != 0, r.LastSeq, r.ChangedSeq
			c.counts, c.nothingKept = r.counts, keptAt == 0
			if c.group = r.Type == store.Group; c.group {
				c.membersVersion = r.MembersVersion
				c.groupSize = groupSize(r.MemberCount, r.MemberPeak, r.ShrunkAt, time.Now().UnixMilli())
			}
		}
		return nil
	})
}

func (p *plan) loadMembers(ctx context.Context) error {
	var args []any
	for _, c := range p.calls {
		for i := range c.Value.run {
			m := &c.Value.run[i]
			key := store.MembershipKey{ConversationID: m.ConversationID, UserID: m.SenderID}
			if _, asked := p.members[key]; asked || !p.convs[m.ConversationID].exists {
				continue
			}
			p.members[key] = seat{}
			args = append(args, key.ConversationID, key.UserID)
		}
	}
	return p.stmts.members.query(ctx, p.tx, args, func(rows *sql.Rows) error {
		var key store.MembershipKey
		there := seat{taken: true}
		if err := rows.Scan(&key.ConversationID, &key.UserID, &there.join, &p.refusals); err != nil {
			return err
		}
		p.members[key] = there
		return nil
	})
}

// refusal says why the message cannot be stored; 0 when it can.
func (p *plan) refusal(m *store.Message) store.Outcome {
	c := p.convs[m.ConversationID]
	switch {
	case !c.exists:
		return store.NotMember
	case c.dissolved:
		return store.Dissolved
	case !p.members[store.MembershipKey{ConversationID: m.ConversationID, UserID: m.SenderID}].taken:
		return store.NotMember
	case p.refused[sendKey{m.SenderID, m.ClientID}]:
		return store.Refused
	}
	return 0
}

// lookUp finds messages that are stored already. A careful plan looks up all of its messages, any
// other plan only those that would or might be refused: what is stored is a duplicate, never refused.
func (p *plan) lookUp(ctx context.Context) error {
	var keys, ids []any
	for _, c := range p.calls {
		for i := range c.Value.run {
			m := &c.Value.run[i]
			if p.careful || m.Extra != nil || p.refusal(m) != 0 {
				keys = append(keys, m.SenderID, m.ClientID)
			}
			if p.careful {
				ids = append(ids, m.ID)
			}
		}
	}
	err := p.stmts.known.query(ctx, p.tx, keys, func(rows *sql.Rows) error {
		m, err := scanMessage(rows)
		if err != nil {
			return err
		}
		p.known[sendKey{m.SenderID, m.ClientID}] = m
		return nil
	})
	if err != nil {
		return err
	}
	return p.stmts.ids.query(ctx, p.tx, ids, func(rows *sql.Rows) error {
		var id int64
		var owner sendKey
		if err := rows.Scan(&id, &owner.sender, &owner.client); err != nil {
			return err
		}
		p.taken[id] = owner
		return nil
	})
}

// loadTops raises LastSeq, in a careful plan, to the highest number that is stored: last_seq may be
// behind the messages.
func (p *plan) loadTops(ctx context.Context) error {
	if !p.careful {
		return nil
	}
	args := make([]any, len(p.order))
	for i, c := range p.order {
		args[i] = c.ConversationID
	}
	return p.stmts.tops.query(ctx, p.tx, args, func(rows *sql.Rows) error {
		var id string
		var top uint64
		if err := rows.Scan(&id, &top); err != nil {
			return err
		}
		if c := p.convs[id]; c != nil {
			c.LastSeq = max(c.LastSeq, top)
		}
		return nil
	})
}
