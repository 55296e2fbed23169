package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

type userRow struct {
	bun.BaseModel `bun:"table:users,alias:u"`

	ID           int64  `bun:"user_id,pk"`
	Username     string `bun:"username"`
	UsernameKey  string `bun:"username_key"`
	Nickname     string `bun:"nickname"`
	AvatarURL    string `bun:"avatar_url"`
	PasswordHash string `bun:"password_hash"`
	CreatedAt    int64  `bun:"created_at"`
	Version      int64  `bun:"version"`
}

func (r *userRow) user() store.User {
	return store.User{
		ID: r.ID, Username: r.Username, Nickname: r.Nickname, AvatarURL: r.AvatarURL, CreatedAt: r.CreatedAt, Version: r.Version,
	}
}

// usernameKey returns the form of a name in which names are compared and unique.
func usernameKey(name string) string { return strings.ToLower(name) }

// Create implements store.Users. The account and its membership in world are stored in one
// transaction; messages in world from before count as read.
func (s *Store) Create(ctx context.Context, u store.User, passwordHash string) (store.User, error) {
	row := &userRow{
		ID: u.ID, Username: u.Username, UsernameKey: usernameKey(u.Username), Nickname: u.Nickname, AvatarURL: u.AvatarURL,
		PasswordHash: passwordHash, CreatedAt: u.CreatedAt, Version: 1,
	}
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return err
		}
		_, err := tx.NewRaw("INSERT INTO conversation_members (conversation_id, user_id, join_seq, read_seq)"+
			" SELECT conversation_id, ?, last_seq, last_seq FROM conversations WHERE conversation_id = ?",
			u.ID, string(contracts.World)).Exec(ctx)
		return err
	})
	if key, taken := db.IsUniqueViolation(err); taken {
		if strings.Contains(key, "username_key") || strings.Contains(key, "uq_users_name") {
			return store.User{}, store.ErrUsernameTaken
		}
		return store.User{}, fmt.Errorf("create user %d: %w", u.ID, store.ErrExists)
	}
	if err != nil {
		return store.User{}, fmt.Errorf("create user %d: %w", u.ID, transient(err))
	}
	return row.user(), nil
}

// ByID implements store.Users.
func (s *Store) ByID(ctx context.Context, ids []int64) (map[int64]store.User, error) {
	out := make(map[int64]store.User, len(ids))
	for chunk := range slices.Chunk(ids, maxIn) {
		var rows []userRow
		if err := s.db.Primary().NewSelect().Model(&rows).Where("user_id IN (?)", bun.List(chunk)).Scan(ctx); err != nil {
			return nil, fmt.Errorf("read %d users: %w", len(chunk), transient(err))
		}
		for i := range rows {
			out[rows[i].ID] = rows[i].user()
		}
	}
	return out, nil
}

// ByName implements store.Users.
func (s *Store) ByName(ctx context.Context, username string) (store.User, string, error) {
	var row userRow
	err := s.db.Primary().NewSelect().Model(&row).Where("username_key = ?", usernameKey(username)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return store.User{}, "", store.ErrNotFound
	}
	if err != nil {
		return store.User{}, "", fmt.Errorf("find a user by name: %w", transient(err))
	}
	return row.user(), row.PasswordHash, nil
}

// Update implements store.Users.
func (s *Store) Update(ctx context.Context, id int64, c store.UserChange) (store.User, error) {
	var row userRow
	err := s.tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		q := tx.NewUpdate().Table("users").Set("version = version + 1").Where("user_id = ?", id)
		if c.Nickname != nil {
			q = q.Set("nickname = ?", *c.Nickname)
		}
		if c.AvatarURL != nil {
			q = q.Set("avatar_url = ?", *c.AvatarURL)
		}
		if _, err := q.Exec(ctx); err != nil {
			return err
		}
		return tx.NewSelect().Model(&row).Where("user_id = ?", id).Scan(ctx)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return store.User{}, store.ErrNotFound
	}
	if err != nil {
		return store.User{}, fmt.Errorf("update user %d: %w", id, transient(err))
	}
	return row.user(), nil
}
