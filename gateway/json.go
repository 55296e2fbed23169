package gateway

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Why a text is refused; the messages are for clients.
var (
	errJSONSyntax    = errors.New("not a JSON object")
	errJSONDepth     = errors.New("nested too deeply")
	errJSONUTF8      = errors.New("not valid UTF-8")
	errJSONType      = errors.New("without a type that is a string")
	errJSONDuplicate = errors.New("a name appears twice")
)

// maxDepth bounds nesting: no frame or body of the contract needs more than four levels.
const maxDepth = 32

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

// count returns a JSON number that is a plain whole number from 0 to 2^63-1.
func (v value) count() (uint64, bool) {
	if len(v.raw) == 0 || v.raw[0] < '0' || v.raw[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(v.raw), 10, 63)
	return n, err == nil
}

// walkText calls member for each member of the one JSON object that text is, in
// order. It is as strict as encoding/json about form, and stricter about bytes that
// are not UTF-8 and about depth. An error of member ends the walk.
//
// It exists because decoding is most of what a send costs the gateway: it makes
// no copies, and needs no second pass to find wrong types.
func walkText(text []byte, member func(name []byte, v value) error) error {
	if !utf8.Valid(text) {
		return errJSONUTF8
	}
	s := scanner{text: text}
	if err := s.object(member); err != nil {
		return err
	}
	s.space()
	if s.at != len(text) {
		return errJSONSyntax
	}
	return nil
}

// walkValue is walkText for an object that a walk has found before.
func walkValue(v value, member func(name []byte, v value) error) error {
	s := scanner{text: v.raw}
	return s.object(member)
}

type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// next skips space and takes c when it comes next.
func (s *scanner) next(c byte) bool {
	s.space()
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) object(member func(name []byte, v value) error) error {
	if !s.next('{') {
		return errJSONSyntax
	}
	if s.next('}') {
		return nil
	}
	for {
		s.space()
		name, err := s.string()
		if err != nil {
			return err
		}
		if !s.next(':') {
			return errJSONSyntax
		}
		v, err := s.value(1)
		if err != nil {
			return err
		}
		key, ok := name.bytes()
		if !ok {
			return errJSONSyntax
		}
		if err := member(key, v); err != nil {
			return err
		}
		if s.next(',') {
			continue
		}
		if s.next('}') {
			return nil
		}
		return errJSONSyntax
	}
}

func (s *scanner) value(depth int) (value, error) {
	s.space()
	if s.at >= len(s.text) {
		return value{}, errJSONSyntax
	}
	start := s.at
	var err error
	switch c := s.text[s.at]; {
	case c == '"':
		return s.string()
	case c == '{' || c == '[':
		err = s.nested(depth)
	case c == 't':
		err = s.word("true")
	case c == 'f':
		err = s.word("false")
	case c == 'n':
		err = s.word("null")
	default:
		err = s.number()
	}
	return value{raw: s.text[start:s.at]}, err
}

// nested skips an object or an array.
func (s *scanner) nested(depth int) error {
	if depth >= maxDepth {
		return errJSONDepth
	}
	open := s.text[s.at]
	s.at++
	closing := byte('}')
	if open == '[' {
		closing = ']'
	}
	if s.next(closing) {
		return nil
	}
	for {
		if open == '{' {
			s.space()
			if _, err := s.string(); err != nil {
				return err
			}
			if !s.next(':') {
				return errJSONSyntax
			}
		}
		if _, err := s.value(depth + 1); err != nil {
			return err
		}
		if s.next(',') {
			continue
		}
		if s.next(closing) {
			return nil
		}
		return errJSONSyntax
	}
}

func (s *scanner) word(w string) error {
	if len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return errJSONSyntax
	}
	s.at += len(w)
	return nil
}

func (s *scanner) string() (value, error) {
	if s.at >= len(s.text) || s.text[s.at] != '"' {
		return value{}, errJSONSyntax
	}
	start := s.at
	escaped := false
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return value{raw: s.text[start:s.at], escaped: escaped}, nil
		case c < 0x20:
			return value{}, errJSONSyntax
		case c == '\\':
			escaped = true
			n := escapeLen(s.text[i:])
			if n == 0 {
				return value{}, errJSONSyntax
			}
			i += n - 1
		}
	}
	return value{}, errJSONSyntax
}

// escapeLen returns the length of the escape that b begins with, 0 when it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func (s *scanner) number() error {
	s.take('-')
	switch {
	case s.take('0'):
	case s.digits() == 0:
		return errJSONSyntax
	}
	if s.take('.') && s.digits() == 0 {
		return errJSONSyntax
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if s.digits() == 0 {
			return errJSONSyntax
		}
	}
	return nil
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}
