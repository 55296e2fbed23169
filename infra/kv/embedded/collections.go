package embedded

import (
	"math"
	"strconv"
)

func hset(s *Server, args []string) (reply, error) {
	if len(args)%2 == 0 {
		return nil, respError("ERR wrong number of arguments for 'hset' command")
	}
	it, err := s.ks.open(args[0], kindHash)
	if err != nil {
		return nil, err
	}
	var added int64
	for i := 1; i < len(args); i += 2 {
		field, value := args[i], args[i+1] //nolint:gosec // their number is odd, checked above
		old, had := it.hash[field]
		if had {
			s.ks.grow(it, len(value)-len(old))
		} else {
			added++
			s.ks.grow(it, len(field)+len(value)+48)
		}
		it.hash[field] = value
	}
	return added, nil
}

func hget(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindHash)
	if it == nil || err != nil {
		return nil, err
	}
	if v, had := it.hash[args[1]]; had {
		return v, nil
	}
	return nil, nil
}

func hmget(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindHash)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(args)-1)
	for i, field := range args[1:] {
		if it == nil {
			continue
		}
		if v, had := it.hash[field]; had {
			out[i] = v
		}
	}
	return out, nil
}

func hgetall(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindHash)
	if it == nil || err != nil {
		return []string{}, err
	}
	out := make([]string, 0, 2*len(it.hash))
	for f, v := range it.hash {
		out = append(out, f, v)
	}
	return out, nil
}

func hdel(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindHash)
	if it == nil || err != nil {
		return int64(0), err
	}
	var n int64
	for _, field := range args[1:] {
		if v, had := it.hash[field]; had {
			s.ks.grow(it, -len(field)-len(v)-48)
			delete(it.hash, field)
			n++
		}
	}
	s.ks.dropEmpty(args[0], it)
	return n, nil
}

func hexists(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindHash)
	if it == nil || err != nil {
		return int64(0), err
	}
	_, had := it.hash[args[1]]
	return truth(had), nil
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func hlen(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindHash)
	if it == nil || err != nil {
		return int64(0), err
	}
	return int64(len(it.hash)), nil
}

func hincrBy(s *Server, args []string) (reply, error) {
	by, err := parseInt(args[2])
	if err != nil {
		return nil, err
	}
	it, err := s.ks.typed(args[0], kindHash)
	if err != nil {
		return nil, err
	}
	var n int64
	if it != nil {
		if old, had := it.hash[args[1]]; had {
			if n, err = parseInt(old); err != nil {
				return nil, respError("ERR hash value is not an integer")
			}
		}
	}
	if (by > 0 && n > math.MaxInt64-by) || (by < 0 && n < math.MinInt64-by) {
		return nil, respError("ERR increment or decrement would overflow")
	}
	_, err = hset(s, []string{args[0], args[1], strconv.FormatInt(n+by, 10)})
	return n + by, err
}

func sadd(s *Server, args []string) (reply, error) {
	it, err := s.ks.open(args[0], kindSet)
	if err != nil {
		return nil, err
	}
	var n int64
	for _, m := range args[1:] {
		if _, had := it.set[m]; !had {
			it.set[m] = struct{}{}
			s.ks.grow(it, len(m)+32)
			n++
		}
	}
	return n, nil
}

func srem(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindSet)
	if it == nil || err != nil {
		return int64(0), err
	}
	var n int64
	for _, m := range args[1:] {
		if _, had := it.set[m]; had {
			delete(it.set, m)
			s.ks.grow(it, -len(m)-32)
			n++
		}
	}
	s.ks.dropEmpty(args[0], it)
	return n, nil
}

func sismember(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindSet)
	if it == nil || err != nil {
		return int64(0), err
	}
	_, had := it.set[args[1]]
	return truth(had), nil
}

func smembers(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindSet)
	if it == nil || err != nil {
		return []string{}, err
	}
	out := make([]string, 0, len(it.set))
	for m := range it.set {
		out = append(out, m)
	}
	return out, nil
}

func scard(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindSet)
	if it == nil || err != nil {
		return int64(0), err
	}
	return int64(len(it.set)), nil
}
