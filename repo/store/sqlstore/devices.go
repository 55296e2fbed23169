package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// deviceRow is a device as it is stored. Values are always bound: a device's id may
// be any text.
type deviceRow struct {
	store.DeviceKey
	seen, revoked int64
}

// newest is the time by which devices are forgotten, the oldest first.
func (r deviceRow) newest() int64 { return max(r.seen, r.revoked) }

// See implements store.Devices. What has to be written is decided with the rows
// locked: a revocation cannot come in between.
func (s *Store) See(ctx context.Context, seen []store.Seen) error {
	if len(seen) == 0 {
		return nil
	}
	// In one order: two calls that write the same rows wait for each other and do not deadlock.
	seen = slices.Clone(seen)
	slices.SortFunc(seen, func(a, b store.Seen) int {
		return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.ID, b.ID))
	})
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for chunk := range slices.Chunk(seen, maxIn) {
			if err := s.see(ctx, tx, chunk); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d devices: %w", len(seen), transient(err))
	}
	return nil
}

func (s *Store) see(ctx context.Context, tx bun.Tx, seen []store.Seen) error {
	there, err := s.lockDevices(ctx, tx, seen)
	if err != nil {
		return err
	}
	raised := map[store.DeviceKey]int64{}
	var order []store.DeviceKey
	var owners []int64 // of new devices
	for _, one := range seen {
		row, known := there[one.DeviceKey]
		if one.IssuedAt < row.revoked || one.At <= max(row.seen, raised[one.DeviceKey]) {
			continue
		}
		if _, twice := raised[one.DeviceKey]; !twice {
			order = append(order, one.DeviceKey)
			if !known && !slices.Contains(owners, one.UserID) {
				owners = append(owners, one.UserID)
			}
		}
		raised[one.DeviceKey] = one.At
	}
	if len(order) == 0 {
		return nil
	}
	args := make([]any, 0, 3*len(order))
	for _, key := range order {
		args = append(args, key.UserID, key.ID, raised[key])
	}
	onConflict := " ON CONFLICT (user_id, device_id) DO UPDATE SET last_seen_at = max(last_seen_at, excluded.last_seen_at)"
	if s.db.Driver() == db.MySQL {
		onConflict = " ON DUPLICATE KEY UPDATE last_seen_at = GREATEST(last_seen_at, VALUES(last_seen_at))"
	}
	err = s.write(ctx, tx.Tx, "INSERT INTO devices (user_id, device_id, last_seen_at) VALUES "+rowMarks(len(order), "(?,?,?)")+onConflict, args)
	if err != nil {
		return err
	}
	return s.forget(ctx, tx, owners)
}

// lockDevices reads those of the devices that exist, and locks them where others may write.
func (s *Store) lockDevices(ctx context.Context, tx bun.Tx, seen []store.Seen) (map[store.DeviceKey]deviceRow, error) {
	args := make([]any, 0, 2*len(seen))
	for _, one := range seen {
		args = append(args, one.UserID, one.ID)
	}
	query := deviceColumns + " WHERE (user_id, device_id) IN (VALUES " + rowMarks(len(seen), "(?,?)") + ")"
	if s.db.Driver() == db.MySQL {
		// Whatever the statistics say: a scan would wait for rows that others have locked.
		query = deviceColumns + " FORCE INDEX (PRIMARY) WHERE (user_id, device_id) IN (" + rowMarks(len(seen), "(?,?)") + ") FOR UPDATE"
	}
	out := make(map[store.DeviceKey]deviceRow, len(seen))
	err := deviceRows(ctx, tx, query, args, func(r deviceRow) { out[r.DeviceKey] = r })
	return out, err
}

const deviceColumns = "SELECT user_id, device_id, last_seen_at, revoked_at FROM devices"

func deviceRows(ctx context.Context, tx bun.Tx, query string, args []any, take func(deviceRow)) error {
	return queryEach(ctx, tx.Tx, query, args, func(rows *sql.Rows) error {
		var r deviceRow
		if err := rows.Scan(&r.UserID, &r.ID, &r.seen, &r.revoked); err != nil {
			return err
		}
		take(r)
		return nil
	})
}

// forget deletes the devices that each of the users has beyond store.DevicesMax. A deleted device that
// is seen again is stored anew. The end of a socket may do that, which names no token: therefore the
// tokens that the device used are kept, so that a later revocation finds them.
func (s *Store) forget(ctx context.Context, tx bun.Tx, owners []int64) error {
	for _, user := range owners {
		var rows []deviceRow
		err := deviceRows(ctx, tx, deviceColumns+" WHERE user_id = ? AND device_id <> ''", []any{user}, func(r deviceRow) { rows = append(rows, r) })
		if err != nil {
			return err
		}
		if len(rows) <= store.DevicesMax {
			continue
		}
		slices.SortFunc(rows, func(a, b deviceRow) int {
			return cmp.Or(cmp.Compare(b.newest(), a.newest()), cmp.Compare(a.ID, b.ID))
		})
		args := []any{user}
		for _, r := range rows[store.DevicesMax:] {
			args = append(args, r.ID)
		}
		err = s.write(ctx, tx.Tx, "DELETE FROM devices WHERE user_id = ? AND device_id IN ("+marks(len(args)-1)+")", args)
		if err == nil {
			err = s.forgetTokens(ctx, tx, user, time.Now().UnixMilli())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Devices implements store.Devices.
func (s *Store) Devices(ctx context.Context, userID int64) ([]store.Device, error) {
	var out []store.Device
	err := s.read(ctx, s.db.Primary().DB, "SELECT device_id, last_seen_at FROM devices WHERE user_id = ? AND device_id <> ''"+
		" AND last_seen_at > 0 ORDER BY last_seen_at DESC, device_id", []any{userID},
		func(rows *sql.Rows) error {
			var d store.Device
			if err := rows.Scan(&d.ID, &d.LastSeenAt); err != nil {
				return err
			}
			out = append(out, d)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("list the devices of user %d: %w", userID, err)
	}
	return out, nil
}

// LastSeen implements store.Devices.
func (s *Store) LastSeen(ctx context.Context, userIDs []int64) (map[int64]int64, error) {
	out := make(map[int64]int64, len(userIDs))
	for chunk := range slices.Chunk(userIDs, maxIn) {
		err := s.read(ctx, s.db.Primary().DB, "SELECT user_id, MAX(last_seen_at) FROM devices WHERE user_id IN ("+marks(len(chunk))+
			") AND last_seen_at > 0 GROUP BY user_id", anys(chunk),
			func(rows *sql.Rows) error {
				var user, at int64
				if err := rows.Scan(&user, &at); err != nil {
					return err
				}
				out[user] = at
				return nil
			})
		if err != nil {
			return nil, fmt.Errorf("read when %d users were last seen: %w", len(chunk), err)
		}
	}
	return out, nil
}

// write runs a raw statement, with bound values, and logs it when it is slow.
func (s *Store) write(ctx context.Context, on interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string, args []any,
) (err error) {
	defer func(start time.Time) { s.db.Observe(query, start, err) }(time.Now())
	_, err = on.ExecContext(ctx, query, args...)
	return err
}
