package embedded

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// respError is an error as the protocol shows it, with its prefix.
type respError string

func (e respError) Error() string { return string(e) }

const (
	errWrongType = respError("WRONGTYPE Operation against a key holding the wrong kind of value")
	errNotInt    = respError("ERR value is not an integer or out of range")
	errNotFloat  = respError("ERR value is not a valid float")
	errSyntax    = respError("ERR syntax error")
	errExpire    = respError("ERR invalid expire time")
)

// status is a reply such as OK.
type status string

const ok = status("OK")

// A reply is nil, int64, string (bulk), status, respError, []string or []any.
type reply any

// command runs under the keyspace's lock; args are without the command's name.
type command struct {
	run   func(s *Server, args []string) (reply, error)
	least int  // arguments
	most  int  // arguments; -1: any number
	grows bool // may need room
}

var commands map[string]command

func init() { //nolint:gochecknoinits // EVAL looks commands up in the table that holds EVAL
	commands = map[string]command{
		"ping": {ping, 0, 1, false}, "echo": {echo, 1, 1, false}, "time": {clockTime, 0, 0, false},
		"select": {selectDB, 1, 1, false}, "info": {info, 0, -1, false}, "command": {noList, 0, -1, false},
		"client": {client, 1, -1, false}, "dbsize": {dbsize, 0, 0, false},
		"flushall": {flushAll, 0, 1, false}, "flushdb": {flushAll, 0, 1, false},

		"get": {get, 1, 1, false}, "set": {set, 2, -1, true}, "setnx": {setNX, 2, 2, true}, "mget": {mget, 1, -1, false},
		"mset": {mset, 2, -1, true}, "incr": {incr, 1, 1, true}, "incrby": {incrBy, 2, 2, true},
		"decr": {decr, 1, 1, true}, "decrby": {decrBy, 2, 2, true},

		"del": {del, 1, -1, false}, "unlink": {del, 1, -1, false}, "exists": {exists, 1, -1, false}, "type": {typeOf, 1, 1, false},
		"expire": {expire, 2, 2, false}, "pexpire": {pexpire, 2, 2, false}, "ttl": {ttl, 1, 1, false}, "pttl": {pttl, 1, 1, false},
		"persist": {persist, 1, 1, false}, "scan": {scan, 1, -1, false},

		"hset": {hset, 3, -1, true}, "hget": {hget, 2, 2, false}, "hmget": {hmget, 2, -1, false}, "hgetall": {hgetall, 1, 1, false},
		"hdel": {hdel, 2, -1, false}, "hexists": {hexists, 2, 2, false}, "hlen": {hlen, 1, 1, false}, "hincrby": {hincrBy, 3, 3, true},

		"sadd": {sadd, 2, -1, true}, "srem": {srem, 2, -1, false}, "sismember": {sismember, 2, 2, false},
		"smembers": {smembers, 1, 1, false}, "scard": {scard, 1, 1, false},

		"zadd": {zadd, 3, -1, true}, "zrem": {zrem, 2, -1, false}, "zscore": {zscore, 2, 2, false}, "zcard": {zcard, 1, 1, false},
		"zcount": {zcount, 3, 3, false}, "zrange": {zrange, 3, -1, false}, "zrangebyscore": {zrangeByScore, 3, -1, false},
		"zrevrange": {zrevrange, 3, 4, false}, "zrevrangebyscore": {zrevrangeByScore, 3, -1, false},
		"zremrangebyrank": {zremrangeByRank, 3, 3, false}, "zremrangebyscore": {zremrangeByScore, 3, 3, false},

		"eval": {eval, 2, -1, true}, "evalsha": {evalSHA, 2, -1, true}, "script": {script, 1, -1, false},
	}
}

// exec runs one command. Its errors are replies.
func (s *Server) exec(name string, args []string) reply {
	c, known := commands[name]
	if !known {
		return respError(fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", name, beginning(args)))
	}
	if len(args) < c.least || (c.most >= 0 && len(args) > c.most) {
		return respError("ERR wrong number of arguments for '" + name + "' command")
	}
	r, err := c.run(s, args)
	if err != nil {
		var e respError
		if errors.As(err, &e) {
			return e
		}
		return respError("ERR " + err.Error())
	}
	if c.grows {
		s.ks.evict()
	}
	return r
}

func beginning(args []string) string {
	var b strings.Builder
	for _, a := range args[:min(len(args), 8)] {
		fmt.Fprintf(&b, "'%.64s' ", a)
	}
	return b.String()
}

func ping(_ *Server, args []string) (reply, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	return status("PONG"), nil
}

func echo(_ *Server, args []string) (reply, error) { return args[0], nil }

func clockTime(s *Server, _ []string) (reply, error) {
	now := s.ks.now()
	return []string{strconv.FormatInt(now.Unix(), 10), strconv.Itoa(now.Nanosecond() / 1000)}, nil
}

func selectDB(_ *Server, args []string) (reply, error) {
	if args[0] != "0" {
		return nil, respError("ERR DB index is out of range")
	}
	return ok, nil
}

func info(s *Server, _ []string) (reply, error) {
	return fmt.Sprintf("# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n# Memory\r\nused_memory:%d\r\nmaxmemory:%d\r\n",
		s.ks.bytes, s.ks.limit), nil
}

func noList(*Server, []string) (reply, error) { return []any{}, nil }

func client(_ *Server, args []string) (reply, error) {
	switch strings.ToLower(args[0]) {
	case "setname", "setinfo":
		return ok, nil
	case "getname":
		return nil, nil
	case "id":
		return int64(1), nil
	}
	return nil, respError("ERR unknown subcommand '" + args[0] + "'")
}

func dbsize(s *Server, _ []string) (reply, error) { return int64(len(s.ks.items)), nil }

func flushAll(s *Server, _ []string) (reply, error) {
	s.ks.flush()
	return ok, nil
}
