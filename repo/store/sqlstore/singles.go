package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/repo/store"
)

// EnsureSingle implements store.Singles. The primary key decides between two calls
// that make the same chat at the same time.
func (s *Store) EnsureSingle(ctx context.Context, userID, peerID int64) (string, bool, error) {
	if userID == peerID {
		return "", false, store.ErrSelf
	}
	p := pairOf(userID, peerID)
	id, a, b := p.id, p.a, p.b
	there, err := s.isSingle(ctx, id, a, b)
	if err != nil || there {
		return id, false, err
	}
	created := false
	err = s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		created = false
		n, err := tx.NewSelect().Model((*userRow)(nil)).Where("user_id IN (?, ?)", a, b).Count(ctx)
		if err != nil {
			return err
		}
		if n != 2 {
			return store.ErrNotFound
		}
		now := time.Now().UnixMilli()
		res, err := tx.NewInsert().Ignore().
			Model(&conversationRow{ID: id, Type: store.Single, UserA: a, UserB: b, LastMessageAt: now, CreatedAt: now}).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		created = true
		members := []memberRow{{ConversationID: id, UserID: a}, {ConversationID: id, UserID: b}}
		_, err = tx.NewInsert().Model(&members).Exec(ctx)
		return err
	})
	if err != nil {
		return "", false, fmt.Errorf("make the single chat of users %d and %d: %w", a, b, transient(err))
	}
	if !created {
		_, err = s.isSingle(ctx, id, a, b)
	}
	return id, created, err
}

// isSingle reports whether the chat exists. The id is 64 bits of a hash, so that the users of
// the conversation are compared; store.ErrExists when it is that of two others.
func (s *Store) isSingle(ctx context.Context, id string, a, b int64) (bool, error) {
	var row conversationRow
	err := s.db.Primary().NewSelect().Model(&row).Where("conversation_id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for conversation %s: %w", id, transient(err))
	}
	if row.UserA != a || row.UserB != b {
		return false, fmt.Errorf("conversation %s is of other users: %w", id, store.ErrExists)
	}
	return true, nil
}

// pair is a single chat by its users, of whom a has the lower id.
type pair struct {
	id   string
	a, b int64
}

func pairOf(user, peer int64) pair {
	a, b := min(user, peer), max(user, peer)
	return pair{string(contracts.SingleConversation(contracts.UserID(a), contracts.UserID(b))), a, b}
}

// errMet says that another call made one of the chats at the same time.
var errMet = errors.New("a single chat was made meanwhile")

// BeginSingles implements store.Singles, by five statements and one commit whatever the number of sends. Where another
// call makes one of the chats at the same time, each chat is made by itself.
func (s *Store) BeginSingles(ctx context.Context, sends []store.FirstSend) ([]store.FirstSent, error) {
	stored, err := s.byClientIDs(ctx, sends)
	if err != nil {
		return nil, err
	}
	out := make([]store.FirstSent, len(sends))
	of := map[pair][]int{}
	for i, send := range sends {
		if m, ok := stored[sendKey{send.SenderID, send.ClientID}]; ok {
			out[i].Stored = &m
		} else if send.SenderID != send.ReceiverID {
			of[pairOf(send.SenderID, send.ReceiverID)] = append(of[pairOf(send.SenderID, send.ReceiverID)], i)
		}
	}
	// Sorted, so that two calls at the same time lock rows in the same order.
	pairs := slices.SortedFunc(maps.Keys(of), func(x, y pair) int { return cmp.Compare(x.id, y.id) })
	for chunk := range slices.Chunk(pairs, maxIn/2) {
		there, err := s.makeSingles(ctx, chunk)
		if errors.Is(err, errMet) {
			there, err = s.makeEach(ctx, chunk)
		}
		if err != nil {
			return nil, fmt.Errorf("make %d single chats: %w", len(chunk), transient(err))
		}
		for _, p := range there {
			for _, i := range of[p] {
				out[i].There = true
			}
		}
	}
	return out, nil
}

// byClientIDs finds those of the messages that are stored already.
func (s *Store) byClientIDs(ctx context.Context, sends []store.FirstSend) (map[sendKey]store.Message, error) {
	found := make(map[sendKey]store.Message)
	for chunk := range slices.Chunk(sends, maxIn) {
		args := make([]any, 0, 2*len(chunk))
		for _, send := range chunk {
			args = append(args, send.SenderID, send.ClientID)
		}
		query := "SELECT " + messageColumns + " FROM messages WHERE (sender_id, client_msg_id) IN (" +
			pairsOf(s.db.Driver()) + rowMarks(len(chunk), "(?,?)") + ")"
		err := s.read(ctx, s.db.Primary().DB, query, args, func(rows *sql.Rows) error {
			m, err := scanMessage(rows)
			found[sendKey{m.SenderID, m.ClientID}] = m
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look for %d messages: %w", len(chunk), err)
		}
	}
	return found, nil
}

// makeSingles makes those of the chats that are missing and whose users exist, and returns the chats that exist then.
// The error wraps errMet, and nothing was made, when another call made one of them at the same time.
func (s *Store) makeSingles(ctx context.Context, pairs []pair) (there []pair, err error) {
	there, missing, err := s.sortSingles(ctx, pairs)
	if err != nil || len(missing) == 0 {
		return there, err
	}
	var made []pair
	err = s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		known, err := usersThere(ctx, tx, missing)
		if err != nil {
			return err
		}
		now := time.Now().UnixMilli()
		var chats []conversationRow
		var members []memberRow
		made = nil
		for _, p := range missing {
			if !known[p.a] || !known[p.b] {
				continue
			}
			made = append(made, p)
			chats = append(chats, conversationRow{ID: p.id, Type: store.Single, UserA: p.a, UserB: p.b, LastMessageAt: now, CreatedAt: now})
			members = append(members, memberRow{ConversationID: p.id, UserID: p.a}, memberRow{ConversationID: p.id, UserID: p.b})
		}
		if len(made) == 0 {
			return nil
		}
		res, err := tx.NewInsert().Ignore().Model(&chats).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || int(n) != len(chats) {
			return errors.Join(errMet, err)
		}
		_, err = tx.NewInsert().Model(&members).Exec(ctx)
		return err
	})
	return append(there, made...), err
}

// makeEach makes the chats one after the other, and returns those that exist then.
func (s *Store) makeEach(ctx context.Context, pairs []pair) (there []pair, err error) {
	for _, p := range pairs {
		switch _, _, err := s.EnsureSingle(ctx, p.a, p.b); {
		case err == nil:
			there = append(there, p)
		case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrExists):
			return nil, err
		}
	}
	return there, nil
}

// sortSingles tells the chats that exist from those that are missing. A chat is in neither list when its id, 64 bits of
// a hash, is that of two other users.
func (s *Store) sortSingles(ctx context.Context, pairs []pair) (there, missing []pair, err error) {
	var rows []conversationRow
	ids := make([]string, len(pairs))
	for i, p := range pairs {
		ids[i] = p.id
	}
	err = s.db.Primary().NewSelect().Model(&rows).Column("conversation_id", "user_a", "user_b").
		Where("conversation_id IN (?)", bun.List(ids)).Scan(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("look for %d single chats: %w", len(ids), err)
	}
	taken := make(map[string]pair, len(rows))
	for _, r := range rows {
		taken[r.ID] = pair{r.ID, r.UserA, r.UserB}
	}
	for _, p := range pairs {
		if is, ok := taken[p.id]; !ok {
			missing = append(missing, p)
		} else if is == p {
			there = append(there, p)
		}
	}
	return there, missing, nil
}

// usersThere reports which users of the chats exist.
func usersThere(ctx context.Context, tx bun.Tx, pairs []pair) (map[int64]bool, error) {
	ids := make([]int64, 0, 2*len(pairs))
	for _, p := range pairs {
		ids = append(ids, p.a, p.b)
	}
	var found []int64
	if err := tx.NewSelect().Model((*userRow)(nil)).Column("user_id").Where("user_id IN (?)", bun.List(ids)).Scan(ctx, &found); err != nil {
		return nil, err
	}
	there := make(map[int64]bool, len(found))
	for _, id := range found {
		there[id] = true
	}
	return there, nil
}
