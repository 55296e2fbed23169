package embedded

import (
	"math"
	"path"
	"strconv"
	"strings"
)

func parseInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errNotInt
	}
	return n, nil
}

func get(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindString)
	if it == nil || err != nil {
		return nil, err
	}
	return it.str, nil
}

func mget(s *Server, args []string) (reply, error) {
	out := make([]any, len(args))
	for i, key := range args {
		if it := s.ks.get(key); it != nil && it.kind == kindString {
			out[i] = it.str
		}
	}
	return out, nil
}

func mset(s *Server, args []string) (reply, error) {
	if len(args)%2 != 0 {
		return nil, respError("ERR wrong number of arguments for 'mset' command")
	}
	for i := 0; i < len(args); i += 2 {
		s.ks.expireAt(args[i], s.ks.setString(args[i], args[i+1]), 0)
	}
	return ok, nil
}

// setOptions are what may follow SET key value.
type setOptions struct {
	expire          int64 // Unix ms; 0: none
	nx, xx, get     bool
	keepTTL, hasTTL bool
}

func (s *Server) parseSet(args []string) (o setOptions, err error) {
	for i := 0; i < len(args); i++ {
		switch word := strings.ToLower(args[i]); word {
		case "nx":
			o.nx = true
		case "xx":
			o.xx = true
		case "get":
			o.get = true
		case "keepttl":
			o.keepTTL = true
		case "ex", "px", "exat", "pxat":
			if i++; i == len(args) || o.hasTTL {
				return o, errSyntax
			}
			n, err := parseInt(args[i])
			if err != nil {
				return o, err
			}
			if n <= 0 || n > math.MaxInt64/2000 {
				return o, respError("ERR invalid expire time in 'set' command")
			}
			o.hasTTL = true
			switch word {
			case "ex":
				o.expire = s.ks.clock() + n*1000
			case "px":
				o.expire = s.ks.clock() + n
			case "exat":
				o.expire = n * 1000
			case "pxat":
				o.expire = n
			}
		default:
			return o, errSyntax
		}
	}
	if (o.nx && o.xx) || (o.keepTTL && o.hasTTL) {
		return o, errSyntax
	}
	return o, nil
}

func set(s *Server, args []string) (reply, error) {
	o, err := s.parseSet(args[2:])
	if err != nil {
		return nil, err
	}
	key := args[0]
	old := s.ks.get(key)
	var before reply
	if o.get && old != nil {
		if old.kind != kindString {
			return nil, errWrongType
		}
		before = old.str
	}
	if (o.nx && old != nil) || (o.xx && old == nil) {
		return before, nil
	}
	it := s.ks.setString(key, args[1])
	if !o.keepTTL {
		s.ks.expireAt(key, it, o.expire)
	}
	if o.get {
		return before, nil
	}
	return ok, nil
}

func setNX(s *Server, args []string) (reply, error) {
	if s.ks.get(args[0]) != nil {
		return int64(0), nil
	}
	s.ks.expireAt(args[0], s.ks.setString(args[0], args[1]), 0)
	return int64(1), nil
}

func (s *Server) add(key string, by int64) (reply, error) {
	it, err := s.ks.typed(key, kindString)
	if err != nil {
		return nil, err
	}
	var n int64
	if it != nil {
		if n, err = parseInt(it.str); err != nil {
			return nil, err
		}
	}
	if (by > 0 && n > math.MaxInt64-by) || (by < 0 && n < math.MinInt64-by) {
		return nil, respError("ERR increment or decrement would overflow")
	}
	s.ks.setString(key, strconv.FormatInt(n+by, 10)) // keeps its time to live
	return n + by, nil
}

func incr(s *Server, args []string) (reply, error) { return s.add(args[0], 1) }
func decr(s *Server, args []string) (reply, error) { return s.add(args[0], -1) }

func incrBy(s *Server, args []string) (reply, error) {
	n, err := parseInt(args[1])
	if err != nil {
		return nil, err
	}
	return s.add(args[0], n)
}

func decrBy(s *Server, args []string) (reply, error) {
	n, err := parseInt(args[1])
	if err != nil || n == math.MinInt64 {
		return nil, errNotInt
	}
	return s.add(args[0], -n)
}

func del(s *Server, args []string) (reply, error) {
	var n int64
	for _, key := range args {
		if s.ks.get(key) != nil && s.ks.remove(key) {
			n++
		}
	}
	return n, nil
}

func exists(s *Server, args []string) (reply, error) {
	var n int64
	for _, key := range args {
		if s.ks.get(key) != nil {
			n++
		}
	}
	return n, nil
}

func typeOf(s *Server, args []string) (reply, error) {
	it := s.ks.get(args[0])
	if it == nil {
		return status("none"), nil
	}
	return status(it.kind.String()), nil
}

func (s *Server) expireIn(key, amount string, unit int64) (reply, error) {
	n, err := parseInt(amount)
	if err != nil {
		return nil, err
	}
	if n > math.MaxInt64/2000 || n < math.MinInt64/2000 {
		return nil, errExpire
	}
	it := s.ks.get(key)
	switch {
	case it == nil:
		return int64(0), nil
	case n <= 0:
		s.ks.remove(key)
	default:
		s.ks.expireAt(key, it, s.ks.clock()+n*unit)
	}
	return int64(1), nil
}

func expire(s *Server, args []string) (reply, error)  { return s.expireIn(args[0], args[1], 1000) }
func pexpire(s *Server, args []string) (reply, error) { return s.expireIn(args[0], args[1], 1) }

func (s *Server) left(key string, unit int64) (reply, error) {
	it := s.ks.get(key)
	switch {
	case it == nil:
		return int64(-2), nil
	case it.expire == 0:
		return int64(-1), nil
	}
	return (it.expire - s.ks.clock() + unit/2) / unit, nil
}

func ttl(s *Server, args []string) (reply, error)  { return s.left(args[0], 1000) }
func pttl(s *Server, args []string) (reply, error) { return s.left(args[0], 1) }

func persist(s *Server, args []string) (reply, error) {
	it := s.ks.get(args[0])
	if it == nil || it.expire == 0 {
		return int64(0), nil
	}
	s.ks.expireAt(args[0], it, 0)
	return int64(1), nil
}

// scan answers everything at once, which the command allows: the cursor that it
// returns is always 0.
func scan(s *Server, args []string) (reply, error) {
	pattern := "*"
	for i := 1; i+1 < len(args); i += 2 {
		switch strings.ToLower(args[i]) {
		case "match":
			pattern = args[i+1]
		case "count":
		default:
			return nil, errSyntax
		}
	}
	keys := []string{}
	now := s.ks.clock()
	for key, it := range s.ks.items {
		if match, err := path.Match(pattern, key); err == nil && match && (it.expire == 0 || it.expire > now) {
			keys = append(keys, key)
		}
	}
	return []any{"0", keys}, nil
}
