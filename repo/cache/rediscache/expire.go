package rediscache

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gochat/gochat/repo/store"
)

// Expire removes hot messages that have expired. Of a conversation where nothing has expired just now
// it removes all hot messages: a process may have been killed between expiring messages in the
// database and this call.
func (c *Cache) Expire(ctx context.Context, done []store.Expired) error {
	if len(done) == 0 {
		return nil
	}
	err := c.guard.do(ctx, func(ctx context.Context) error {
		pipe := c.rdb.Pipeline()
		for _, d := range done {
			key := hotKey(d.ConversationID)
			if d.Messages == 0 {
				pipe.Del(ctx, key)
				continue
			}
			pipe.ZRemRangeByScore(ctx, key, "-inf", strconv.FormatUint(d.Through, 10))
			for _, seq := range d.Edits {
				n := strconv.FormatUint(seq, 10)
				pipe.ZRemRangeByScore(ctx, key, n, n)
			}
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("remove expired messages of %d conversations from the cache: %w", len(done), err)
	}
	return nil
}
