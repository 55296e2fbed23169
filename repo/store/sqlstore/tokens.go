package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

type tokenRow struct {
	bun.BaseModel `bun:"table:revoked_tokens,alias:t"`

	ID        string `bun:"token_id,pk"`
	UserID    int64  `bun:"user_id"`
	ExpiresAt int64  `bun:"expires_at"`
}

// Revocations are deleted a few at a time, sweepGrace after their tokens expired, so that
// differing clocks do no harm.
const (
	sweepBatch = 100
	sweepGrace = time.Hour
)

// Revoke implements store.Tokens. It also deletes some revocations of tokens
// that have expired.
func (s *Store) Revoke(ctx context.Context, tokenID string, userID, expiresAt int64) error {
	sweep := "DELETE FROM revoked_tokens WHERE token_id IN" +
		" (SELECT token_id FROM revoked_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)"
	if s.db.Driver() == db.MySQL {
		sweep = deleteOldest("revoked_tokens", "ix_revoked_tokens_expires", "expires_at", "token_id")
	}
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row := &tokenRow{ID: tokenID, UserID: userID, ExpiresAt: expiresAt}
		if _, err := tx.NewInsert().Ignore().Model(row).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewRaw(sweep, time.Now().Add(-sweepGrace).UnixMilli(), sweepBatch).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke a token of user %d: %w", userID, transient(err))
	}
	return nil
}

// deleteOldest is MySQL's statement that deletes rows of a table whose column is below a value, so
// many at most, by an index of the column. Where most rows are below it, a plain DELETE with an
// order would read, lock and sort all of them.
func deleteOldest(table, index, column string, key ...string) string {
	on := make([]string, len(key))
	for i, k := range key {
		on[i] = "old." + k + " = t." + k
	}
	return "DELETE t FROM (SELECT " + strings.Join(key, ", ") + " FROM " + table + " FORCE INDEX (" + index + ") WHERE " + column + " < ? ORDER BY " + column +
		" LIMIT ?) AS old JOIN " + table + " AS t ON " + strings.Join(on, " AND ")
}

// SignOut implements store.Tokens.
func (s *Store) SignOut(ctx context.Context, userID, before int64) (holds int64, err error) {
	onConflict := " ON CONFLICT (user_id) DO UPDATE SET signed_out_before = max(signed_out_before, excluded.signed_out_before)"
	if s.db.Driver() == db.MySQL {
		onConflict = " ON DUPLICATE KEY UPDATE signed_out_before = GREATEST(signed_out_before, VALUES(signed_out_before))"
	}
	err = s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := s.write(ctx, tx.Tx, "INSERT INTO sign_outs (user_id, signed_out_before) VALUES (?,?)"+onConflict, []any{userID, before})
		if err != nil {
			return err
		}
		return queryEach(ctx, tx.Tx, signedOutQuery, []any{userID}, func(rows *sql.Rows) error { return rows.Scan(&holds) })
	})
	if err != nil {
		return 0, fmt.Errorf("sign user %d out everywhere: %w", userID, transient(err))
	}
	return holds, nil
}

const signedOutQuery = "SELECT signed_out_before FROM sign_outs WHERE user_id = ?"

// SignedOut implements store.Tokens.
func (s *Store) SignedOut(ctx context.Context, userID int64) (before int64, err error) {
	err = s.read(ctx, s.db.Primary().DB, signedOutQuery, []any{userID}, func(rows *sql.Rows) error { return rows.Scan(&before) })
	if err != nil {
		return 0, fmt.Errorf("read when user %d signed out everywhere: %w", userID, err)
	}
	return before, nil
}

// CheckTokens implements store.Tokens. A revocation during the call may be seen or not.
func (s *Store) CheckTokens(ctx context.Context, tokens []store.UsedToken) ([]store.TokenState, error) {
	out := make([]store.TokenState, 0, len(tokens))
	for chunk := range slices.Chunk(tokens, maxIn) {
		states, err := s.checkTokens(ctx, chunk)
		if err != nil {
			return nil, fmt.Errorf("check %d tokens: %w", len(chunk), err)
		}
		out = append(out, states...)
	}
	return out, nil
}

func (s *Store) checkTokens(ctx context.Context, tokens []store.UsedToken) ([]store.TokenState, error) {
	revoked, err := s.revokedAmong(ctx, tokens)
	if err != nil {
		return nil, err
	}
	signedOut, err := s.signedOut(ctx, tokens)
	if err != nil {
		return nil, err
	}
	devices, used, err := s.usedAmong(ctx, tokens)
	if err != nil {
		return nil, err
	}
	out := make([]store.TokenState, len(tokens))
	for i, t := range tokens {
		before, exists := signedOut[t.UserID]
		out[i] = store.TokenState{
			Revoked: revoked[t.ID], Orphan: !exists, SignedOutBefore: before,
			DeviceRevokedAt: devices[t.DeviceKey], Used: used[usedKey{t.DeviceKey, t.ID}],
		}
	}
	return out, nil
}

func (s *Store) revokedAmong(ctx context.Context, tokens []store.UsedToken) (map[string]bool, error) {
	args := make([]any, len(tokens))
	for i, t := range tokens {
		args[i] = t.ID
	}
	out := map[string]bool{}
	return out, s.read(ctx, s.db.Primary().DB, "SELECT token_id FROM revoked_tokens WHERE token_id IN ("+marks(len(args))+")", args,
		func(rows *sql.Rows) error {
			var id string
			err := rows.Scan(&id)
			out[id] = true
			return err
		})
}

// signedOut returns the time before which the tokens of each user are revoked, 0 for none; a user
// who does not exist is left out.
func (s *Store) signedOut(ctx context.Context, tokens []store.UsedToken) (map[int64]int64, error) {
	args := make([]any, len(tokens))
	for i, t := range tokens {
		args[i] = t.UserID
	}
	out := make(map[int64]int64, len(tokens))
	return out, s.read(ctx, s.db.Primary().DB, "SELECT u.user_id, COALESCE(o.signed_out_before, 0) FROM users u"+
		" LEFT JOIN sign_outs o ON o.user_id = u.user_id WHERE u.user_id IN ("+marks(len(args))+")", args,
		func(rows *sql.Rows) error {
			var user, before int64
			err := rows.Scan(&user, &before)
			out[user] = before
			return err
		})
}
