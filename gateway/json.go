package gateway

import (
	"errors"
	"unicode/utf8"
)

// Why a text is refused; the messages are for clients.
var (
	errJSONSyntax    = errors.New("not a JSON object")
	errJSONDepth     = errors.New("nested too deeply")
	errJSONUTF8      = errors.New("not valid UTF-8")
	errJSONType      = errors.New(`"type" is missing or not a string`)
	errJSONDuplicate = errors.New("a name appears twice")
)

// maxDepth bounds nesting: no frame or body of the contract needs more than four levels.
const maxDepth = 32

// walkText calls member for each member of the one JSON object that text is, in
// order. It is as strict as encoding/json about form, and stricter about bytes that
// are not UTF-8 and about depth. An error of member ends the walk.
//
// walkText exists because decoding is most of what a send costs the gateway: it makes no copies, and wrong types are
// found in the same pass.
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

// walkValue is walkText for an object within a text that was walked before, so that its form is right.
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
	switch s.text[s.at] {
	case '"':
		return s.string()
	case '{', '[':
		err = s.nested(depth)
	case 't':
		err = s.literal("true")
	case 'f':
		err = s.literal("false")
	case 'n':
		err = s.literal("null")
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

func (s *scanner) literal(w string) error {
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
			switch half := surrogate(s.text[i:]); {
			case half == lowHalf, half == highHalf && surrogate(s.text[i+n:]) != lowHalf:
				return value{}, errJSONUTF8
			case half == highHalf && escapeLen(s.text[i+n:]) == 0:
				return value{}, errJSONSyntax
			case half == highHalf:
				n *= 2
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
			if !isHex(c) {
				return 0
			}
		}
		return 6
	}
	return 0
}

// The halves of a character that UTF-16 writes in two. A half alone is refused: decoders put U+FFFD in its place, and
// the text that is stored would not be the one that was sent.
const (
	noHalf = iota
	highHalf
	lowHalf
)

// surrogate says which half the escape is that b begins with.
func surrogate(b []byte) int {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' || b[2]|0x20 != 'd' {
		return noHalf
	}
	switch c := b[3] | 0x20; {
	case c == '8' || c == '9' || c == 'a' || c == 'b':
		return highHalf
	case c >= 'c' && c <= 'f':
		return lowHalf
	}
	return noHalf
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
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
