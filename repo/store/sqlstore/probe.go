package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// ProbeWrite is a db.Probe: it writes the one row of write_probe anew, with fill bytes in it.
func ProbeWrite(ctx context.Context, tx bun.Tx, fill int) error {
	if _, err := tx.Tx.ExecContext(ctx, "REPLACE INTO write_probe (id, written_at, filler) VALUES (1, ?, ?)",
		time.Now().UnixMilli(), make([]byte, fill)); err != nil {
		return fmt.Errorf("write a row to see whether writes go through: %w", err)
	}
	return nil
}
