package embedded

import (
	"math"
	"strconv"
	"strings"
)

func parseScore(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0, errNotFloat
	}
	return f, nil
}

// formatScore writes a score as Redis does: 17 digits when they are needed, no
// exponent for whole numbers of usual size.
func formatScore(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == math.Trunc(f) && math.Abs(f) < 1e17:
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', 17, 64)
}

// zaddOptions are the words between ZADD's key and its members.
type zaddOptions struct{ nx, xx, gt, lt, ch bool }

func zadd(s *Server, args []string) (reply, error) {
	key, args := args[0], args[1:]
	var o zaddOptions
words:
	for len(args) > 0 {
		switch strings.ToLower(args[0]) {
		case "nx":
			o.nx = true
		case "xx":
			o.xx = true
		case "gt":
			o.gt = true
		case "lt":
			o.lt = true
		case "ch":
			o.ch = true
		default:
			break words
		}
		args = args[1:]
	}
	if len(args) == 0 || len(args)%2 != 0 || (o.nx && (o.xx || o.gt || o.lt)) || (o.gt && o.lt) {
		return nil, errSyntax
	}
	scores := make([]float64, len(args)/2)
	for i := range scores {
		var err error
		if scores[i], err = parseScore(args[2*i]); err != nil {
			return nil, err
		}
	}
	it, err := s.ks.open(key, kindZSet)
	if err != nil {
		return nil, err
	}
	n := s.zput(it, o, scores, args)
	s.ks.dropEmpty(key, it)
	return n, nil
}

func (s *Server) zput(it *item, o zaddOptions, scores []float64, args []string) (n int64) {
	for i, score := range scores {
		name := args[2*i+1]
		old, had := it.zset.scores[name]
		if (had && (o.nx || (o.gt && score <= old) || (o.lt && score >= old))) || (!had && o.xx) {
			continue
		}
		if it.zset.put(name, score) {
			s.ks.grow(it, len(name)*2+96)
			n++
		} else if o.ch && old != score {
			n++
		}
	}
	return n
}

func (s *Server) zdrop(key string, it *item, names []string) int64 {
	var n int64
	for _, name := range names {
		if it.zset.drop(name) {
			s.ks.grow(it, -len(name)*2-96)
			n++
		}
	}
	s.ks.dropEmpty(key, it)
	return n
}

func zrem(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindZSet)
	if it == nil || err != nil {
		return int64(0), err
	}
	return s.zdrop(args[0], it, args[1:]), nil
}

func zscore(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindZSet)
	if it == nil || err != nil {
		return nil, err
	}
	if score, had := it.zset.scores[args[1]]; had {
		return formatScore(score), nil
	}
	return nil, nil
}

func zcard(s *Server, args []string) (reply, error) {
	it, err := s.ks.typed(args[0], kindZSet)
	if it == nil || err != nil {
		return int64(0), err
	}
	return int64(it.zset.len()), nil
}

// bound is one end of a range of scores.
type bound struct {
	score float64
	open  bool
}

func parseBound(s string) (b bound, err error) {
	if rest, isOpen := strings.CutPrefix(s, "("); isOpen {
		b.open, s = true, rest
	}
	if b.score, err = parseScore(s); err != nil {
		return b, respError("ERR min or max is not a float")
	}
	return b, nil
}

// between returns the members within bounds, ascending or descending, after
// skipping offset, at most count (below 0: all).
func (z *zset) between(low, high bound, rev bool, offset, count int) []member {
	var out []member
	visit := func(m member) bool {
		if m.score < low.score || (low.open && m.score == low.score) {
			return !rev
		}
		if m.score > high.score || (high.open && m.score == high.score) {
			return rev
		}
		if offset > 0 {
			offset--
			return true
		}
		if count >= 0 && len(out) >= count {
			return false
		}
		out = append(out, m)
		return true
	}
	if rev {
		z.order.Descend(member{math.Nextafter(high.score, math.Inf(1)), ""}, visit)
	} else {
		z.order.Ascend(member{low.score, ""}, visit)
	}
	return out
}

// ranked returns the members from one rank to another, both included; negative
// ranks count from the end.
func (z *zset) ranked(start, stop int64, rev bool) []member {
	n := int64(z.len())
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop {
		return nil
	}
	out := make([]member, 0, stop-start+1)
	for i := start; i <= stop; i++ {
		rank := i
		if rev {
			rank = n - 1 - i
		}
		m, _ := z.order.GetAt(int(rank))
		out = append(out, m)
	}
	return out
}

func list(ms []member, withScores bool) []string {
	out := make([]string, 0, len(ms))
	for _, m := range ms {
		out = append(out, m.name)
		if withScores {
			out = append(out, formatScore(m.score))
		}
	}
	return out
}

// rangeOptions are the words behind a range's bounds.
type rangeOptions struct {
	byScore, rev, withScores bool
	offset, count            int
}

func parseRange(args []string, o rangeOptions) (rangeOptions, error) {
	o.count = -1
	for i := 0; i < len(args); i++ {
		switch strings.ToLower(args[i]) {
		case "byscore":
			o.byScore = true
		case "rev":
			o.rev = true
		case "withscores":
			o.withScores = true
		case "limit":
			if i+2 >= len(args) {
				return o, errSyntax
			}
			offset, err1 := parseInt(args[i+1])
			count, err2 := parseInt(args[i+2])
			if err1 != nil || err2 != nil || offset < 0 {
				return o, errNotInt
			}
			o.offset, o.count = int(offset), int(count)
			i += 2
		default:
			return o, errSyntax
		}
	}
	return o, nil
}

func zrange(s *Server, args []string) (reply, error) {
	return s.zranged(args, rangeOptions{})
}

func zrevrange(s *Server, args []string) (reply, error) {
	return s.zranged(args, rangeOptions{rev: true})
}

func zrangeByScore(s *Server, args []string) (reply, error) {
	return s.zranged(args, rangeOptions{byScore: true})
}

func zrevrangeByScore(s *Server, args []string) (reply, error) {
	return s.zranged(args, rangeOptions{byScore: true, rev: true})
}

func (s *Server) zranged(args []string, o rangeOptions) (reply, error) {
	o, err := parseRange(args[3:], o)
	if err != nil {
		return nil, err
	}
	it, err := s.ks.typed(args[0], kindZSet)
	if err != nil {
		return nil, err
	}
	if !o.byScore {
		start, err1 := parseInt(args[1])
		stop, err2 := parseInt(args[2])
		if err1 != nil || err2 != nil {
			return nil, errNotInt
		}
		if it == nil {
			return []string{}, nil
		}
		return list(it.zset.ranked(start, stop, o.rev), o.withScores), nil
	}
	low, err1 := parseBound(args[1])
	high, err2 := parseBound(args[2])
	if err1 != nil || err2 != nil {
		return nil, respError("ERR min or max is not a float")
	}
	if o.rev {
		low, high = high, low
	}
	if it == nil {
		return []string{}, nil
	}
	return list(it.zset.between(low, high, o.rev, o.offset, o.count), o.withScores), nil
}

func zcount(s *Server, args []string) (reply, error) {
	ms, _, err := s.zbounded(args)
	return int64(len(ms)), err
}

func (s *Server) zbounded(args []string) ([]member, *item, error) {
	low, err1 := parseBound(args[1])
	high, err2 := parseBound(args[2])
	if err1 != nil || err2 != nil {
		return nil, nil, respError("ERR min or max is not a float")
	}
	it, err := s.ks.typed(args[0], kindZSet)
	if it == nil || err != nil {
		return nil, nil, err
	}
	return it.zset.between(low, high, false, 0, -1), it, nil
}

func zremrangeByScore(s *Server, args []string) (reply, error) {
	ms, it, err := s.zbounded(args)
	if it == nil || err != nil {
		return int64(0), err
	}
	return s.zdrop(args[0], it, list(ms, false)), nil
}

func zremrangeByRank(s *Server, args []string) (reply, error) {
	start, err1 := parseInt(args[1])
	stop, err2 := parseInt(args[2])
	if err1 != nil || err2 != nil {
		return nil, errNotInt
	}
	it, err := s.ks.typed(args[0], kindZSet)
	if it == nil || err != nil {
		return int64(0), err
	}
	return s.zdrop(args[0], it, list(it.zset.ranked(start, stop, false), false)), nil
}
