package rediscache

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gochat/gochat/repo/store"
)

// Expire removes what the cache has of messages that have expired. Of a conversation where nothing
// has expired just now it removes all hot messages: somebody may have been killed before he came
// to do it.
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
