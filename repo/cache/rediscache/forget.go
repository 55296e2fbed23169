package rediscache

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/infra/kv"
)

// Prefixes of the keys that hold data of the database. A brace opens a hash tag: all keys of a
// conversation are in one slot, and so are those of a user.
const (
	seqPrefix       = "conv_seq:{"
	hotPrefix       = "hot_messages:{"
	hotMarkPrefix   = "hot_mark:{"
	dedupPrefix     = "msg_dedup:{"
	userPrefix      = "user_info:{"
	tokenPrefix     = "token:{"
	devicePrefix    = "device:{"
	usedPrefix      = "device_token:{"
	signedOutPrefix = "signed_out:{"
)

// stored lists the prefixes of all keys that Forget removes. Sessions, limits and marks are not data
// of the database, and other programs may have keys on the same server.
var stored = []string{
	seqPrefix, hotPrefix, hotMarkPrefix, dedupPrefix, userPrefix, tokenPrefix, devicePrefix, usedPrefix, signedOutPrefix,
}

// forgetBatch is how many keys are looked at in one call.
const forgetBatch = 1000

// Forget removes everything that the cache keeps of the database, and returns how many keys it
// removed. It is for after another state of the database was put back. A process that uses the
// cache meanwhile may put entries of the former state back.
func Forget(ctx context.Context, client *kv.Client) (int, error) {
	ctx = kv.AsWritten(ctx) // the server lists whole names
	var n atomic.Int64
	each := func(ctx context.Context, node redis.Cmdable) error {
		for _, prefix := range stored {
			if err := forget(ctx, node, client.Start()+prefix+"*", &n); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	if cluster, ok := client.UniversalClient.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return each(ctx, node) })
	} else {
		err = each(ctx, client)
	}
	if err != nil {
		return int(n.Load()), fmt.Errorf("forget what the cache keeps of the database: %w", err)
	}
	return int(n.Load()), nil
}

func forget(ctx context.Context, node redis.Cmdable, pattern string, n *atomic.Int64) error {
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, pattern, forgetBatch).Result()
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			// One by one: in a cluster, the keys of one call would have to share a slot.
			_, err := node.Pipelined(ctx, func(p redis.Pipeliner) error {
				for _, key := range keys {
					p.Unlink(ctx, key)
				}
				return nil
			})
			if err != nil {
				return err
			}
			n.Add(int64(len(keys)))
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
