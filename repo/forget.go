package repo

import (
	"context"
	"errors"

	"github.com/gochat/gochat/infra/kv"
	"github.com/gochat/gochat/repo/cache/rediscache"
)

// ForgetCache removes what a Redis keeps of the database, for when the database was
// exchanged for an earlier state of itself, and returns how many keys that were.
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
