package gateway

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// value is one JSON value in a text that was found to be well formed.
type value struct {
	raw     []byte
	escaped bool // a string with escapes in it
}

// isNull tells null, which means the same as a name that is not there.
func (v value) isNull() bool { return len(v.raw) == 4 && v.raw[0] == 'n' }

// isObject tells an object from everything else.
func (v value) isObject() bool { return len(v.raw) > 0 && v.raw[0] == '{' }

// str returns a JSON string's text; ok is false for every other kind.
func (v value) str() (s string, ok bool) {
	if len(v.raw) < 2 || v.raw[0] != '"' {
		return "", false
	}
	if !v.escaped {
		return string(v.raw[1 : len(v.raw)-1]), true
	}
	return s, json.Unmarshal(v.raw, &s) == nil
}

// bytes is str without a copy where there is nothing to unescape.
func (v value) bytes() ([]byte, bool) {
	if len(v.raw) < 2 || v.raw[0] != '"' {
		return nil, false
	}
	if !v.escaped {
		return v.raw[1 : len(v.raw)-1], true
	}
	s, ok := v.str()
	return []byte(s), ok
}

// strings returns the texts of an array of strings with at most most members.
func (v value) strings(most int) ([]string, bool) {
	if len(v.raw) == 0 || v.raw[0] != '[' {
		return nil, false
	}
	var list []*string // nil tells null, which is no string
	if json.Unmarshal(v.raw, &list) != nil || len(list) > most {
		return nil, false
	}
	out := make([]string, len(list))
	for i, s := range list {
		if s == nil {
			return nil, false
		}
		out[i] = *s
	}
	return out, true
}

// flag returns what true or false says.
func (v value) flag() (is, ok bool) {
	return string(v.raw) == "true", string(v.raw) == "true" || string(v.raw) == "false"
}

// count returns a JSON number that is a whole number from 0 to 2^63-1. One that is written
// with a fraction of zeros or an exponent is exact below 2^53 only, and refused from there on.
func (v value) count() (uint64, bool) {
	if len(v.raw) == 0 || v.raw[0] < '0' || v.raw[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(v.raw), 10, 63)
	if err == nil || !bytes.ContainsAny(v.raw, ".eE") {
		return n, err == nil
	}
	f, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil || f != math.Trunc(f) || f >= 1<<53 {
		return 0, false
	}
	return uint64(f), true
}
