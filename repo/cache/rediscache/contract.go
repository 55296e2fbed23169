package rediscache

import "github.com/gochat/gochat/repo/cache"

// Both parts keep the contract.
var (
	_ cache.Cache    = (*Cache)(nil)
	_ cache.Sessions = (*Sessions)(nil)
)
