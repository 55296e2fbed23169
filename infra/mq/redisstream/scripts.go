package redisstream

import (
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed scripts/ensure.lua
	ensureSource string
	//go:embed scripts/delete.lua
	deleteSource string
	//go:embed scripts/publish.lua
	publishSource string
	//go:embed scripts/enroll.lua
	enrollSource string
	//go:embed scripts/seize.lua
	seizeSource string
	//go:embed scripts/beat.lua
	beatSource string
	//go:embed scripts/mark.lua
	markSource string
	//go:embed scripts/release.lua
	releaseSource string
	//go:embed scripts/lag.lua
	lagSource string
	//go:embed scripts/trim.lua
	trimSource string
)

// scripts are all scripts that run at the server.
type scripts struct {
	ensure, delete, publish                       *redis.Script
	enroll, seize, beat, mark, release, lag, trim *redis.Script
}

// newScripts makes the scripts. A Redis whose memory is full refuses scripts that may need more. That is
// right for publishers; but consumers make room again, so their scripts ask to be let through, where Redis
// understands it (from 7.0 on).
func newScripts(flags bool) scripts {
	through := func(source string) *redis.Script {
		if flags {
			source = "#!lua flags=allow-oom\n" + source
		}
		return redis.NewScript(source)
	}
	return scripts{
		ensure: redis.NewScript(ensureSource), delete: through(deleteSource), publish: redis.NewScript(publishSource),
		enroll: through(enrollSource), seize: through(seizeSource), beat: through(beatSource), mark: through(markSource),
		release: through(releaseSource), lag: through(lagSource), trim: through(trimSource),
	}
}
