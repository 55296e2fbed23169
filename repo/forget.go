package repo

import (
	"context"
	"errors"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// ForgetCache deletes everything that a Redis caches of the database, and returns how many keys
// it deleted. It has to be called after an older state of the database was put back, whose
// cache would be wrong.
func ForgetCache(ctx context.Context, cfg kv.Config) (n int, err error) {
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	client, err := kv.Open(opening, cfg)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return rediscache.Forget(ctx, client)
}
