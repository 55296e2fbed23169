package rediscache

import "github.com/gochat/gochat/repo/cache"

// Both types implement the contract.
var (
	_ cache.Cache    = (*Cache)(nil)
	_ cache.Sessions = (*Sessions)(nil)
)
