package sqlstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/gochat/gochat/repo/store"
)

var _ store.Epochs = (*Store)(nil)

// epochRow is the one row of its table.
type epochRow struct {
	bun.BaseModel `bun:"table:store_epoch"`

	ID    int    `bun:"id,pk"`
	Epoch string `bun:"epoch"`
}

// Epoch implements store.Epochs.
func (s *Store) Epoch(ctx context.Context) (string, error) {
	row := epochRow{ID: 1}
	if err := s.db.Primary().NewSelect().Model(&row).WherePK().Scan(ctx); err != nil {
		return "", fmt.Errorf("read the store's epoch: %w", transient(err))
	}
	return row.Epoch, nil
}

// NewEpoch gives the store another epoch and returns it. Clients that see another epoch take their
// conversations anew: what they have may be newer than what is stored.
func (s *Store) NewEpoch(ctx context.Context) (string, error) {
	row := epochRow{ID: 1, Epoch: strings.ToLower(rand.Text())}
	res, err := s.db.Writer().NewUpdate().Model(&row).Column("epoch").WherePK().Exec(ctx)
	if err != nil {
		return "", fmt.Errorf("give the store another epoch: %w", transient(err))
	}
	if n, err := res.RowsAffected(); err == nil && n != 1 {
		return "", fmt.Errorf("give the store another epoch: %w", store.ErrNotFound)
	}
	return row.Epoch, nil
}
