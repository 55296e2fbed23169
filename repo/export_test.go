package repo

import (
	"context"
	"fmt"
)

// FlushCache empties the cache, as its restart would; nothing depends on it.
func (r *Repo) FlushCache(ctx context.Context) error {
	if err := r.kv.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("flush the cache: %w", err)
	}
	return nil
}
