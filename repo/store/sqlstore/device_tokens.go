package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// usedKey is a token in use by a device.
type usedKey struct {
	store.DeviceKey
	token string
}

// Use implements store.Devices. Use and Forbid both lock the device's row first: a Forbid that comes
// later finds the token, and a Use that comes later finds the revocation.
func (s *Store) Use(ctx context.Context, t store.UsedToken, now int64) (revokedAt int64, ended []store.Token, err error) {
	err = s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.see(ctx, tx, []store.Seen{{DeviceKey: t.DeviceKey, At: now, IssuedAt: t.IssuedAt}}); err != nil {
			return err
		}
		var err error
		if revokedAt, err = deviceRevokedAt(ctx, tx, t.DeviceKey); err != nil || t.IssuedAt < revokedAt {
			return err
		}
		err = s.write(ctx, tx.Tx, s.insertIgnore()+"device_tokens (user_id, device_id, token_id, expires_at) VALUES (?,?,?,?)",
			[]any{t.UserID, t.DeviceKey.ID, t.ID, t.ExpiresAt})
		if err != nil {
			return err
		}
		ended, err = s.revokeSurplus(ctx, tx, t, now)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("note a token that a device of user %d uses: %w", t.UserID, transient(err))
	}
	return revokedAt, ended, nil
}

func deviceRevokedAt(ctx context.Context, tx bun.Tx, key store.DeviceKey) (at int64, err error) {
	return at, deviceRows(ctx, tx, deviceColumns+" WHERE user_id = ? AND device_id = ?", []any{key.UserID, key.ID},
		func(r deviceRow) { at = r.revoked })
}

func (s *Store) insertIgnore() string {
	if s.db.Driver() == db.MySQL {
		return "INSERT IGNORE INTO "
	}
	return "INSERT OR IGNORE INTO "
}

// revokeSurplus forgets the expired tokens of a device, and revokes those beyond store.DeviceTokensMax that expire first,
// but not the one that is being used: whoever has just logged in would be signed out by the next call.
func (s *Store) revokeSurplus(ctx context.Context, tx bun.Tx, used store.UsedToken, now int64) ([]store.Token, error) {
	key := used.DeviceKey
	err := s.write(ctx, tx.Tx, "DELETE FROM device_tokens WHERE user_id = ? AND device_id = ? AND expires_at < ?",
		[]any{key.UserID, key.ID, now - sweepGrace.Milliseconds()})
	if err != nil {
		return nil, err
	}
	ended, err := tokens(ctx, tx, "SELECT token_id, expires_at FROM device_tokens WHERE user_id = ? AND device_id = ?"+
		" ORDER BY token_id = ? DESC, expires_at DESC, token_id LIMIT ? OFFSET ?", key.UserID, key.ID, used.ID, maxIn, store.DeviceTokensMax)
	if err != nil {
		return nil, err
	}
	for _, t := range ended {
		err := s.write(ctx, tx.Tx, s.insertIgnore()+"revoked_tokens (token_id, user_id, expires_at) VALUES (?,?,?)", []any{t.ID, key.UserID, t.ExpiresAt})
		if err == nil {
			err = s.write(ctx, tx.Tx, "DELETE FROM device_tokens WHERE user_id = ? AND device_id = ? AND token_id = ?", []any{key.UserID, key.ID, t.ID})
		}
		if err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// forgottenTokensMax bounds the tokens that are kept of a user's forgotten devices, all together.
const forgottenTokensMax = 1000

// forgetTokens deletes the expired tokens of a user's devices, and of the tokens of forgotten devices
// those beyond forgottenTokensMax that expire first.
func (s *Store) forgetTokens(ctx context.Context, tx bun.Tx, user, now int64) error {
	const query = "SELECT t.device_id, t.token_id, t.expires_at, d.device_id IS NOT NULL FROM device_tokens t" +
		" LEFT JOIN devices d ON d.user_id = t.user_id AND d.device_id = t.device_id WHERE t.user_id = ? ORDER BY t.expires_at DESC, t.device_id, t.token_id"
	var args []any
	kept := 0
	err := queryEach(ctx, tx.Tx, query, []any{user}, func(rows *sql.Rows) error {
		var device, token string
		var expires int64
		var there bool
		if err := rows.Scan(&device, &token, &expires, &there); err != nil {
			return err
		}
		switch {
		case expires < now-sweepGrace.Milliseconds(), !there && kept == forgottenTokensMax:
			args = append(args, user, device, token)
		case !there:
			kept++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(args, 3*maxIn) {
		err := s.write(ctx, tx.Tx, "DELETE FROM device_tokens WHERE (user_id, device_id, token_id) IN ("+pairsOf(s.db.Driver())+
			rowMarks(len(chunk)/3, "(?,?,?)")+")", chunk)
		if err != nil {
			return err
		}
	}
	return nil
}

func tokens(ctx context.Context, tx bun.Tx, query string, args ...any) (out []store.Token, err error) {
	return out, queryEach(ctx, tx.Tx, query, args, func(rows *sql.Rows) error {
		var t store.Token
		err := rows.Scan(&t.ID, &t.ExpiresAt)
		out = append(out, t)
		return err
	})
}

// Forbid implements store.Devices.
func (s *Store) Forbid(ctx context.Context, device store.DeviceKey, at int64) (out store.DeviceRevocation, err error) {
	err = s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out, err = s.forbid(ctx, tx, device, at)
		return err
	})
	if err != nil {
		return store.DeviceRevocation{}, fmt.Errorf("revoke a device of user %d: %w", device.UserID, transient(err))
	}
	return out, nil
}

func (s *Store) forbid(ctx context.Context, tx bun.Tx, device store.DeviceKey, at int64) (out store.DeviceRevocation, err error) {
	res, err := tx.Tx.ExecContext(ctx, "UPDATE devices SET last_seen_at = 0, revoked_at = CASE WHEN revoked_at > ? THEN revoked_at ELSE ? END"+
		" WHERE user_id = ? AND device_id = ? AND last_seen_at > 0", at, at, device.UserID, device.ID)
	if err != nil {
		return out, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return out, err
	}
	out.Listed = n > 0
	if out.RevokedAt, err = deviceRevokedAt(ctx, tx, device); err != nil {
		return out, err
	}
	if out.Listed {
		err = s.write(ctx, tx.Tx, s.insertIgnore()+"revoked_tokens (token_id, user_id, expires_at)"+
			" SELECT token_id, user_id, expires_at FROM device_tokens WHERE user_id = ? AND device_id = ?", []any{device.UserID, device.ID})
		if err != nil {
			return out, err
		}
	}
	out.Tokens, err = tokens(ctx, tx, "SELECT t.token_id, t.expires_at FROM device_tokens t JOIN revoked_tokens r ON r.token_id = t.token_id"+
		" WHERE t.user_id = ? AND t.device_id = ?", device.UserID, device.ID)
	return out, err
}

// usedAmong returns when each device was revoked, and which tokens are stored as used by their device.
// A token of a forgotten device counts as unused, so that the device is stored again.
func (s *Store) usedAmong(ctx context.Context, list []store.UsedToken) (revokedAt map[store.DeviceKey]int64, used map[usedKey]bool, err error) {
	var devices, uses []any
	for _, t := range list {
		if t.DeviceKey.ID != "" {
			devices, uses = append(devices, t.UserID, t.DeviceKey.ID), append(uses, t.UserID, t.DeviceKey.ID, t.ID)
		}
	}
	revokedAt, used = map[store.DeviceKey]int64{}, map[usedKey]bool{}
	n := len(uses) / 3
	if n == 0 {
		return revokedAt, used, nil
	}
	err = s.read(ctx, s.db.Primary().DB, "SELECT user_id, device_id, revoked_at FROM devices"+s.keyed("(user_id, device_id)", "(?,?)", n), devices,
		func(rows *sql.Rows) error {
			var key store.DeviceKey
			var at int64
			err := rows.Scan(&key.UserID, &key.ID, &at)
			revokedAt[key] = at
			return err
		})
	if err != nil {
		return nil, nil, err
	}
	err = s.read(ctx, s.db.Primary().DB, "SELECT user_id, device_id, token_id FROM device_tokens"+s.keyed("(user_id, device_id, token_id)", "(?,?,?)", n), uses,
		func(rows *sql.Rows) error {
			var key usedKey
			err := rows.Scan(&key.UserID, &key.ID, &key.token)
			_, there := revokedAt[key.DeviceKey]
			used[key] = there // a device that was forgotten is to be noted anew
			return err
		})
	return revokedAt, used, err
}

// keyed returns a condition on the whole primary key. On MySQL it forces the key, whatever the
// statistics say.
func (s *Store) keyed(columns, row string, n int) string {
	if s.db.Driver() == db.MySQL {
		return " FORCE INDEX (PRIMARY) WHERE " + columns + " IN (" + rowMarks(n, row) + ")"
	}
	return " WHERE " + columns + " IN (VALUES " + rowMarks(n, row) + ")"
}
