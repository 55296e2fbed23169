package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// refusalsAtOnce bounds one deletion of old refusals.
const refusalsAtOnce = 500

// Refuse implements store.Refusals. The refusal is committed first. A saving transaction locks its
// conversations before it looks for refusals: one that does not see the refusal holds the lock, so
// Refuse waits for the lock and then finds what was stored. A refusal of a stored send does no
// harm, since savers look for the message first.
func (s *Store) Refuse(ctx context.Context, send store.ClientKey, now time.Time) (store.Message, bool, error) {
	if m, found, err := s.storedAlready(ctx, send); found || err != nil {
		return m, found, err
	}
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return s.write(ctx, tx.Tx, s.insertIgnore()+"refused_sends (sender_id, client_msg_id, refused_at) VALUES (?,?,?)",
			[]any{send.SenderID, send.ClientID, now.UnixMilli()})
	})
	if err == nil {
		err = s.awaitSavers(ctx, send.ConversationID)
	}
	if err != nil {
		return store.Message{}, false, fmt.Errorf("refuse a send of user %d: %w", send.SenderID, transient(err))
	}
	return s.storedAlready(ctx, send)
}

// RefusedAt returns when a send was refused for good, and false when it was not. Old refusals are forgotten.
func (s *Store) RefusedAt(ctx context.Context, senderID int64, clientID string) (at time.Time, refused bool, err error) {
	err = s.read(ctx, s.db.Primary().DB, "SELECT refused_at FROM refused_sends WHERE sender_id = ? AND client_msg_id = ?",
		[]any{senderID, clientID}, func(rows *sql.Rows) error {
			var ms int64
			err := rows.Scan(&ms)
			at, refused = time.UnixMilli(ms), true
			return err
		})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("look for a refusal of user %d: %w", senderID, err)
	}
	return at, refused, nil
}

func (s *Store) storedAlready(ctx context.Context, send store.ClientKey) (store.Message, bool, error) {
	m, err := s.ByClientID(ctx, send.SenderID, send.ClientID)
	if errors.Is(err, store.ErrNotFound) {
		return store.Message{}, false, nil
	}
	return m, err == nil, err
}

// awaitSavers waits for all transactions that began before the call and store messages of a
// conversation. On SQLite there are none: one transaction writes at a time.
func (s *Store) awaitSavers(ctx context.Context, conversation string) error {
	if s.db.Driver() == db.SQLite {
		return nil
	}
	return s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return queryEach(ctx, tx.Tx, "SELECT 1 FROM conversations FORCE INDEX (PRIMARY) WHERE conversation_id = ? FOR UPDATE",
			[]any{conversation}, func(*sql.Rows) error { return nil })
	})
}

// ForgetRefusals implements store.Refusals.
func (s *Store) ForgetRefusals(ctx context.Context, before time.Time) (n int64, err error) {
	query := "DELETE FROM refused_sends WHERE (sender_id, client_msg_id) IN" +
		" (SELECT sender_id, client_msg_id FROM refused_sends WHERE refused_at < ? ORDER BY refused_at LIMIT ?)"
	if s.db.Driver() == db.MySQL {
		query = deleteOldest("refused_sends", "refused_sends_at", "refused_at", "sender_id", "client_msg_id")
	}
	err = s.db.Again(ctx, func(ctx context.Context) error {
		res, err := s.db.Writer().DB.ExecContext(ctx, query, before.UnixMilli(), refusalsAtOnce)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget refusals from before %s: %w", before.Format(time.DateTime), transient(err))
	}
	return n, nil
}

// loadRefusals finds which of the plan's sends were refused before. Mostly there is no refusal at all,
// which loadMembers has read together with the members, and nothing is looked up. A sender who is
// no member needs no look: the send is rejected anyway.
func (p *plan) loadRefusals(ctx context.Context) error {
	if !p.refusals {
		return nil
	}
	var keys []any
	for _, c := range p.calls {
		for i := range c.Value.run {
			keys = append(keys, c.Value.run[i].SenderID, c.Value.run[i].ClientID)
		}
	}
	p.refused = map[sendKey]bool{}
	return p.stmts.refused.query(ctx, p.tx, keys, func(rows *sql.Rows) error {
		var key sendKey
		if err := rows.Scan(&key.sender, &key.client); err != nil {
			return err
		}
		p.refused[key] = true
		return nil
	})
}
