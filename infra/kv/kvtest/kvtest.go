// Package kvtest says what GoChat expects of a Redis server, in tables of
// commands and answers, so that the embedded server and real ones are held to
// the same.
package kvtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// step is a command, its words parted by spaces ('~' stands for a space inside
// a word), and the answer as text.
type step struct{ command, want string }

// Run runs every table on a server, whose selected database it empties.
func Run(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	for name, steps := range tables {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.FlushDB(t.Context()).Err())
			for _, s := range steps {
				require.Equal(t, s.want, Answer(t, c, s.command), s.command)
			}
		})
	}
}

// Answer runs a command and returns its answer as text.
func Answer(t *testing.T, c redis.UniversalClient, command string) string {
	t.Helper()
	var args []any
	for _, w := range strings.Fields(command) {
		args = append(args, strings.ReplaceAll(w, "~", " "))
	}
	v, err := c.Do(t.Context(), args...).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return "nil"
	case err != nil:
		return "error " + strings.Fields(err.Error())[0]
	}
	if verb := strings.ToLower(strings.Fields(command)[0]); verb == "hgetall" || verb == "smembers" {
		return unordered(v, verb == "hgetall")
	}
	return fmt.Sprint(v)
}

// unordered sorts what has no order; RESP3 clients get maps.
func unordered(v any, pairs bool) string {
	list, isList := v.([]any)
	if !isList {
		return fmt.Sprint(v) // fmt sorts maps
	}
	words := []string{}
	for i := 0; i < len(list); i++ {
		if pairs {
			words = append(words, fmt.Sprintf("%v:%v", list[i], list[i+1]))
			i++
		} else {
			words = append(words, fmt.Sprint(list[i]))
		}
	}
	slices.Sort(words)
	if pairs {
		return "map[" + strings.Join(words, " ") + "]"
	}
	return "[" + strings.Join(words, " ") + "]"
}

var tables = map[string][]step{
	"strings": {
		{"GET k", "nil"}, {"SET k v", "OK"}, {"GET k", "v"}, {"SET k w NX", "nil"}, {"SET k w XX", "OK"}, {"SET n w XX", "nil"},
		{"SET k x GET", "w"}, {"MGET k missing", "[x <nil>]"}, {"MSET a 1 b 2", "OK"}, {"MGET a b", "[1 2]"},
		{"INCR a", "2"}, {"INCRBY a 40", "42"}, {"DECR a", "41"}, {"DECRBY a 1", "40"}, {"INCR k", "error ERR"},
		{"SETNX k v", "0"}, {"SETNX fresh v", "1"}, {"DEL a b missing", "2"}, {"EXISTS k fresh a", "2"},
		{"TYPE k", "string"}, {"TYPE missing", "none"}, {"SET k", "error ERR"}, {"SET k v EX 0", "error ERR"}, {"SET k v EX ten", "error ERR"},
		{"SET max 9223372036854775807", "OK"}, {"INCR max", "error ERR"}, {"NOSUCHCOMMAND", "error ERR"},
	},
	"expiry": {
		{"SET k v EX 100", "OK"}, {"TTL k", "100"}, {"PERSIST k", "1"}, {"TTL k", "-1"}, {"TTL missing", "-2"}, {"PERSIST k", "0"},
		{"EXPIRE k 50", "1"}, {"TTL k", "50"}, {"SET k w KEEPTTL", "OK"}, {"TTL k", "50"}, {"SET k w", "OK"}, {"TTL k", "-1"},
		{"PEXPIRE k 60000", "1"}, {"TTL k", "60"}, {"EXPIRE missing 5", "0"}, {"EXPIRE k -1", "1"}, {"EXISTS k", "0"},
		{"SET n 1 EX 100", "OK"}, {"INCR n", "2"}, {"TTL n", "100"}, {"HSET h f v", "1"}, {"EXPIRE h 100", "1"}, {"HSET h g v", "1"}, {"TTL h", "100"},
	},
	"hashes": {
		{"HSET h a 1 b 2", "2"}, {"HSET h a 3 c 4", "1"}, {"HGET h a", "3"}, {"HGET h z", "nil"}, {"HMGET h a z c", "[3 <nil> 4]"},
		{"HGETALL h", "map[a:3 b:2 c:4]"}, {"HLEN h", "3"}, {"HEXISTS h b", "1"}, {"HEXISTS h z", "0"}, {"HDEL h b z", "1"},
		{"HINCRBY h a 5", "8"}, {"HINCRBY h new 1", "1"}, {"HSET h x word", "1"}, {"HINCRBY h x 1", "error ERR"},
		{"DEL h", "1"}, {"HGETALL h", "map[]"}, {"HSET h f v", "1"}, {"HDEL h f", "1"}, {"EXISTS h", "0"},
		{"SET s v", "OK"}, {"HGET s f", "error WRONGTYPE"}, {"HSET s f v", "error WRONGTYPE"}, {"HSET h f", "error ERR"},
	},
	"sets": {
		{"SADD s a b a", "2"}, {"SADD s c", "1"}, {"SCARD s", "3"}, {"SISMEMBER s a", "1"}, {"SISMEMBER s z", "0"},
		{"SMEMBERS s", "[a b c]"}, {"SREM s a z", "1"}, {"SREM s b c", "2"}, {"EXISTS s", "0"}, {"SMEMBERS s", "[]"},
		{"SET k v", "OK"}, {"SADD k a", "error WRONGTYPE"}, {"GET s", "nil"},
	},
	"sorted sets": {
		{"ZADD z 2 b 1 a 3 c", "3"}, {"ZADD z 5 a", "0"}, {"ZADD z CH 1 a", "1"}, {"ZADD z NX 9 a", "0"}, {"ZSCORE z a", "1"},
		{"ZADD z XX 9 new", "0"}, {"ZADD z GT 0 a", "0"}, {"ZSCORE z a", "1"}, {"ZADD z LT 0 a", "0"}, {"ZSCORE z a", "0"}, {"ZADD z 1 a", "0"},
		{"ZCARD z", "3"}, {"ZRANGE z 0 -1", "[a b c]"}, {"ZRANGE z -2 -1", "[b c]"}, {"ZRANGE z 5 9", "[]"},
		{"ZRANGE z 0 0 WITHSCORES", "[a 1]"}, {"ZREVRANGE z 0 1", "[c b]"}, {"ZRANGE z 0 1 REV", "[c b]"},
		{"ZRANGEBYSCORE z 2 3", "[b c]"}, {"ZRANGEBYSCORE z (2 +inf", "[c]"}, {"ZRANGEBYSCORE z -inf +inf LIMIT 1 1", "[b]"},
		{"ZREVRANGEBYSCORE z +inf -inf LIMIT 0 2", "[c b]"}, {"ZREVRANGEBYSCORE z (3 1", "[b a]"}, {"ZRANGE z 2 3 BYSCORE", "[b c]"},
		{"ZRANGE z 3 2 BYSCORE REV LIMIT 0 1", "[c]"}, {"ZCOUNT z 1 2", "2"}, {"ZCOUNT z (1 2", "1"}, {"ZRANGEBYSCORE z word 2", "error ERR"},
		{"ZADD z 4 d 5 e", "2"}, {"ZREMRANGEBYRANK z 0 1", "2"}, {"ZRANGE z 0 -1", "[c d e]"}, {"ZREMRANGEBYRANK z 0 -3", "1"},
		{"ZREMRANGEBYSCORE z 5 5", "1"}, {"ZRANGE z 0 -1", "[d]"}, {"ZREM z d x", "1"}, {"EXISTS z", "0"},
		{"ZADD z 1 b 1 a 1 c", "3"}, {"ZRANGE z 0 -1", "[a b c]"}, {"ZSCORE z none", "nil"}, {"ZADD z 1.5 half", "1"}, {"ZSCORE z half", "1.5"},
		{"ZADD z word x", "error ERR"}, {"ZADD z 1", "error ERR"}, {"ZADD z NX XX 1 a", "error ERR"},
	},
	"scripts": {
		{"EVAL return~1 0", "1"}, {"EVAL return~'a' 0", "a"}, {"EVAL return~nil 0", "nil"}, {"EVAL return~false 0", "nil"}, {"EVAL return~true 0", "1"},
		{"EVAL return~3.99 0", "3"}, {"EVAL return~{1,'b',3} 0", "[1 b 3]"}, {"EVAL return~{1,nil,3} 0", "[1]"},
		{"EVAL return~{KEYS[1],ARGV[1],#KEYS,#ARGV} 1 k a", "[k a 1 1]"}, {"EVAL return~redis.call('SET',KEYS[1],ARGV[1]) 1 k v", "OK"}, {"GET k", "v"},
		{"EVAL return~redis.call('GET','missing') 0", "nil"}, {"EVAL return~redis.call('GET','missing')==false 0", "1"},
		{"EVAL return~redis.call('INCRBY','n',2.0) 0", "2"}, {"EVAL return~redis.call('HGET','k','f') 0", "error WRONGTYPE"},
		{"EVAL local~r=redis.pcall('HGET','k','f')~if~r.err~then~return~1~end 0", "1"}, {"EVAL return~redis.error_reply('MINE~text') 0", "error MINE"},
		{"EVAL return~redis.status_reply('FINE') 0", "FINE"}, {"EVAL x=1 0", "error ERR"}, {"EVAL return~x 0", "error ERR"}, {"EVAL this~is~no~lua 0", "error ERR"},
		{"EVALSHA ffffffffffffffffffffffffffffffffffffffff 0", "error NOSCRIPT"}, {"EVAL return~1 2 k", "error ERR"}, {"EVAL return~1 -1", "error ERR"},
		{"EVAL return~tonumber('12')+1 0", "13"}, {"EVAL return~redis.sha1hex('') 0", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"EVAL return~#redis.call('ZRANGE','none',0,-1) 0", "0"}, {"EVAL error('boom') 0", "error ERR"},
		{"EVAL return~redis.replicate_commands() 0", "1"}, {"EVAL return~ARGV[1]/ARGV[2]*100 0 10 4", "250"}, {"EVAL return~tostring(0.1+0.2) 0", "0.3"},
		{"EVAL return~tostring(-1/3) 0", "-0.33333333333333"}, {"EVAL return~tostring(1e-7) 0", "1e-07"}, {"EVAL return~tostring(12) 0", "12"},
		{"EVAL return~tostring(1e15) 0", "1e+15"}, {"EVAL return~tostring('x')..tostring(nil)..tostring(true) 0", "xniltrue"},
		{"EVAL return~math.ceil(0.2)+math.max(2,1) 0", "3"}, {"EVAL local~t=redis.call('TIME')~return~(t[1]-1483228800)+t[2]/1000000>0 0", "1"},
		{"EVAL return~redis.call('SET','f',1483228800.123456) 0", "OK"}, {"EVAL return~tostring(tonumber(redis.call('GET','f'))) 0", "1483228800.1235"},
	},
	"the rest": {
		{"PING", "PONG"}, {"ECHO hello", "hello"}, {"SET a 1", "OK"}, {"SET b 1", "OK"}, {"DBSIZE", "2"}, {"SCAN 0 MATCH a*", "[0 [a]]"},
		{"FLUSHALL", "OK"}, {"DBSIZE", "0"},
	},
}
