package redisstream

import (
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed scripts/ensure.lua
	ensureSource string
	//go:embed scripts/publish.lua
	publishSource string
	//go:embed scripts/acquire.lua
	acquireSource string
	//go:embed scripts/renew.lua
	renewSource string
	//go:embed scripts/mark.lua
	markSource string
	//go:embed scripts/release.lua
	releaseSource string
	//go:embed scripts/member.lua
	memberSource string
	//go:embed scripts/lag.lua
	lagSource string
	//go:embed scripts/trim.lua
	trimSource string

	ensureScript  = redis.NewScript(ensureSource)
	publishScript = redis.NewScript(publishSource)
	acquireScript = redis.NewScript(acquireSource)
	renewScript   = redis.NewScript(renewSource)
	markScript    = redis.NewScript(markSource)
	releaseScript = redis.NewScript(releaseSource)
	memberScript  = redis.NewScript(memberSource)
	lagScript     = redis.NewScript(lagSource)
	trimScript    = redis.NewScript(trimSource)
)
