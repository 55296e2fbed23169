package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

type announcementRow struct {
	bun.BaseModel `bun:"table:announcements,alias:a"`

	ID        int64  `bun:"announcement_id,pk"`
	CreatedAt int64  `bun:"created_at"`
	Payload   []byte `bun:"payload"`
}

func (r *announcementRow) announcement() (*store.Announcement, error) {
	var a store.Announcement
	if err := json.Unmarshal(r.Payload, &a); err != nil {
		return nil, fmt.Errorf("read announcement %d: %w", r.ID, err)
	}
	return &a, nil
}

func insertAnnouncement(ctx context.Context, tx bun.Tx, a *store.Announcement) error {
	payload, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write announcement %d: %w", a.ID, err)
	}
	_, err = tx.NewInsert().Model(&announcementRow{ID: a.ID, CreatedAt: a.At, Payload: payload}).Exec(ctx)
	return err
}

// readAnnouncement returns nil when there is none.
func readAnnouncement(ctx context.Context, tx bun.Tx, id int64) (*store.Announcement, error) {
	var row announcementRow
	err := tx.NewSelect().Model(&row).Where("announcement_id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // as the comment says
	}
	if err != nil {
		return nil, err
	}
	return row.announcement()
}

// Announcements implements store.Announcements.
func (s *Store) Announcements(ctx context.Context, before int64, limit int) ([]store.Announcement, error) {
	var rows []announcementRow
	q := s.db.Primary().NewSelect().Model(&rows).Where("created_at < ?", before).
		Order("created_at", "announcement_id").Limit(int64(limit))
	if s.db.Driver() == db.MySQL {
		// Most rows match: without the index the server would read and sort all of them, with payloads.
		q = q.ModelTableExpr("announcements AS a FORCE INDEX (ix_announcements_created)")
	}
	err := q.Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is to be announced: %w", transient(err))
	}
	out := make([]store.Announcement, len(rows))
	for i := range rows {
		a, err := rows[i].announcement()
		if err != nil {
			return nil, err
		}
		out[i] = *a
	}
	return out, nil
}

// DropAnnouncements implements store.Announcements.
func (s *Store) DropAnnouncements(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.db.Writer().NewDelete().Model((*announcementRow)(nil)).Where("announcement_id IN (?)", bun.List(ids)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("forget %d announcements: %w", len(ids), transient(err))
	}
	return nil
}
