package kv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrUnknownCommand says that a command was not sent, because this package does not know which of its words
// are keys: in an environment the environment's name has to be put before each key.
var ErrUnknownCommand = errors.New("it is not known which words of this Redis command are keys")

// environmentEnd follows the environment in a key. No environment has it in its own name, so that no
// environment's keys begin like another's.
const environmentEnd = ":"

// start is what every key begins with.
func (c Config) start() string {
	if c.Environment == "" {
		return ""
	}
	return c.Environment + environmentEnd
}

// apart is a hook that puts the environment's name before every key of every command. A cluster's hash tags
// stay as they are.
type apart struct{ start string }

// asWritten is the context key of AsWritten.
type asWritten struct{}

// AsWritten returns a context with which keys are sent as written, for callers that list a server's keys and
// so have whole names, which begin with [Client.Start].
func AsWritten(ctx context.Context) context.Context { return context.WithValue(ctx, asWritten{}, true) }

// DialHook implements redis.Hook.
func (apart) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (a apart) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := a.rename(ctx, cmd); err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements redis.Hook.
func (a apart) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if err := a.rename(ctx, cmd); err != nil {
				for _, c := range cmds {
					c.SetErr(err)
				}
				return err
			}
		}
		return next(ctx, cmds)
	}
}

// Where a command has its keys.
type keysAt int

const (
	keysNowhere  keysAt = iota + 1
	keysFirst           // the word after the command
	keysAll             // every word after it
	keysOfScript        // as many as the word after the script says
)

// whereKeys has all commands that may be sent in an environment. Others are refused, so that no key goes
// without the environment.
var whereKeys = func() map[string]keysAt {
	out := map[string]keysAt{}
	for at, names := range map[keysAt]string{
		keysNowhere:  "auth client cluster command dbsize discard exec hello info multi ping readonly readwrite script select time wait",
		keysAll:      "del exists touch unlink",
		keysOfScript: "eval eval_ro evalsha evalsha_ro",
		keysFirst: "decr expire get hdel hexists hget hgetall hset incr persist pexpire pttl set setnx ttl type " +
			"zadd zcard zcount zrange zrangebyscore zrevrangebyscore zrem zremrangebyrank zremrangebyscore zscore",
	} {
		for name := range strings.FieldsSeq(names) {
			out[name] = at
		}
	}
	return out
}()

func (a apart) rename(ctx context.Context, cmd redis.Cmder) error {
	if ctx.Value(asWritten{}) != nil {
		return nil
	}
	args := cmd.Args()
	name := strings.ToLower(cmd.Name())
	from, to := 1, 1
	switch whereKeys[name] {
	case keysNowhere:
	case keysFirst:
		to = min(2, len(args))
	case keysAll:
		to = len(args)
	case keysOfScript:
		n, err := scriptKeys(args)
		if err != nil {
			return err
		}
		from, to = 3, 3+n
	default:
		return fmt.Errorf("%w: %s", ErrUnknownCommand, name)
	}
	for i := from; i < to; i++ {
		key, ok := args[i].(string)
		if !ok {
			return fmt.Errorf("%w: %s has a key that is no text", ErrUnknownCommand, name)
		}
		args[i] = a.start + key
	}
	return nil
}

// scriptKeys returns how many keys a call of a script has.
func scriptKeys(args []any) (int, error) {
	const before = 3 // the command, the script, the number
	if len(args) < before {
		return 0, fmt.Errorf("%w: a script without a number of keys", ErrUnknownCommand)
	}
	n, err := strconv.Atoi(fmt.Sprint(args[before-1]))
	if err != nil || n < 0 || before+n > len(args) {
		return 0, fmt.Errorf("%w: a script with %v keys", ErrUnknownCommand, args[before-1])
	}
	return n, nil
}
