package rediscache

import (
	"context"
	"crypto/rand"
	_ "embed" // the script
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gochat/gochat/repo/cache"
)

var (
	//go:embed scripts/beat.lua
	beatSource string

	beatScript = redis.NewScript(beatSource)
)

// deadMost bounds the dead gateways that a beat names: the last that died, so that each death changes the list.
const deadMost = 64

// beatOf is a beat as the script takes it.
type beatOf struct {
	gateway, state, put string
	announces           bool
	at                  time.Time
}

// beat notes a gateway's sign of life in Redis.
func (s *Sessions) beat(ctx context.Context, b beatOf) (heard cache.Heard, err error) {
	l, err := readLayout(ctx, s.rdb)
	if err != nil {
		return cache.Heard{}, err
	}
	// The epochs are set before the state: after a loss, nobody finds a gateway's new state beside
	// the epoch from before the loss.
	words, err := l.words(ctx, s.rdb, rand.Text())
	if err != nil {
		return cache.Heard{}, err
	}
	dead, mute, err := s.list(ctx, b, l)
	if err != nil {
		return cache.Heard{}, err
	}
	args := []any{b.state, int(cache.GatewayFor.Seconds()), int(epochsTTL.Seconds()), "life:" + rand.Text(), b.put}
	for _, w := range words {
		args = append(args, w)
	}
	keys := []string{gatewayKey(b.gateway), gatewayEpochsKey(b.gateway), gatewayCountedKey(b.gateway)}
	answer, err := beatScript.Run(ctx, s.rdb, keys, args...).Slice()
	if err != nil {
		return cache.Heard{}, err
	}
	heard, uncounted, err := heardFrom(answer)
	if err != nil {
		return cache.Heard{}, err
	}
	heard.Dead, heard.Mute = dead, mute
	if uncounted != "" {
		err = s.countChange(ctx, b.gateway, uncounted)
	}
	return heard, err
}

// list puts the gateway on the lists of those that beat, and returns those that have stopped, and whether one of those
// that beat is mute.
func (s *Sessions) list(ctx context.Context, b beatOf, l *layout) (dead []string, mute bool, err error) {
	pipe := s.rdb.Pipeline()
	if l != whole {
		// Processes of an older release know this one epoch only.
		pipe.SetNX(ctx, epochKey, rand.Text(), 0)
	}
	beaten := redis.Z{Score: float64(b.at.UnixMilli()), Member: b.gateway}
	pipe.ZAdd(ctx, gatewaysKey, beaten)
	if !b.announces {
		pipe.ZAdd(ctx, muteKey, beaten)
	}
	silent := pipe.ZCount(ctx, muteKey, milli(b.at.Add(-cache.GatewayFor)), "+inf")
	gone := pipe.ZRevRangeByScore(ctx, gatewaysKey, &redis.ZRangeBy{
		Min: milli(b.at.Add(-cache.DeadFor)), Max: "(" + milli(b.at.Add(-cache.GatewayFor)), Count: deadMost,
	})
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, false, err
	}
	dead = gone.Val()
	slices.Sort(dead)
	return dead, silent.Val() > 0, nil
}

// countChange lets every process read the gateways' states anew. When it fails, or this process ends before it, the
// script says with the gateway's next beat again that the state is not counted.
func (s *Sessions) countChange(ctx context.Context, gateway, uncounted string) error {
	if err := s.rdb.Incr(ctx, changesKey).Err(); err != nil {
		return err
	}
	return s.rdb.Set(ctx, gatewayCountedKey(gateway), uncounted, epochsTTL).Err()
}

// heardFrom reads what the script answers. uncounted is the word of a state that nobody has counted in changesKey.
func heardFrom(answer []any) (heard cache.Heard, uncounted string, err error) {
	if len(answer) == 3 {
		fresh, isNumber := answer[0].(int64)
		at, isText := answer[1].(string)
		word, isWord := answer[2].(string)
		if isNumber && isText && isWord {
			return cache.Heard{Fresh: fresh == 1, At: at}, word, nil
		}
	}
	return cache.Heard{}, "", fmt.Errorf("the script for beats answers %v, not a number and two texts", answer)
}
