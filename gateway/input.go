package gateway

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/gochat/gochat/contracts"
)

// body has the members of a request body, which is one JSON object. Its methods note each field that is wrong; err
// returns all of these in one error.
type body struct {
	members map[string]value
	wrong   map[string]string
}

// parseBody reads a body, which must be one JSON object.
func parseBody(text []byte) (*body, error) {
	b := &body{members: map[string]value{}}
	err := walkText(text, func(name []byte, v value) error {
		if _, twice := b.members[string(name)]; twice {
			return errJSONDuplicate
		}
		b.members[string(name)] = v
		return nil
	})
	if err != nil {
		return nil, contracts.NewError(contracts.CodeInvalidArgument, "The body must be one JSON object: "+err.Error()+".")
	}
	return b, nil
}

func (b *body) bad(name, must string) {
	if b.wrong == nil {
		b.wrong = map[string]string{}
	}
	b.wrong[name] = must
}

// err returns invalid_argument with every field that is wrong, or nil.
func (b *body) err() error {
	if len(b.wrong) == 0 {
		return nil
	}
	e := contracts.NewError(contracts.CodeInvalidArgument, "")
	e.Fields = b.wrong
	return e
}

// frameErr is err for a frame: its message names the wrong fields.
func (b *body) frameErr() error {
	if len(b.wrong) == 0 {
		return nil
	}
	return invalidFields(b.wrong)
}

func (b *body) get(name string) (value, bool) {
	v, ok := b.members[name]
	return v, ok && !v.isNull()
}

// optional returns the string of that name, nil when there is none.
func (b *body) optional(name string) *string {
	v, ok := b.get(name)
	if !ok {
		return nil
	}
	s, ok := v.str()
	if !ok {
		b.bad(name, "a string")
		return nil
	}
	return &s
}

// required returns the string of that name, which must be there.
func (b *body) required(name string) string {
	if _, ok := b.get(name); !ok {
		b.bad(name, "a string is required")
		return ""
	}
	if s := b.optional(name); s != nil {
		return *s
	}
	return ""
}

// plain returns the string of that name, "" when there is none.
func (b *body) plain(name string) string {
	if s := b.optional(name); s != nil {
		return *s
	}
	return ""
}

// flag returns the true or false of that name, false when there is none.
func (b *body) flag(name string) bool {
	v, ok := b.get(name)
	if !ok {
		return false
	}
	is, ok := v.flag()
	if !ok {
		b.bad(name, "true or false")
	}
	return is
}

// requiredCount returns the whole number of that name, which must be there.
func (b *body) requiredCount(name string) uint64 {
	v, ok := b.get(name)
	if ok {
		if n, ok := v.count(); ok {
			return n
		}
	}
	b.bad(name, "a whole number is required")
	return 0
}

// userIDs returns the array of user ids of that name, at most most of them; nil when there is none.
func (b *body) userIDs(name string, most int) []int64 {
	v, ok := b.get(name)
	if !ok {
		return nil
	}
	if texts, ok := v.strings(most); ok {
		if ids, ok := parseUserIDs(texts, most); ok {
			return ids
		}
	}
	b.bad(name, "an array of "+userListText(most))
	return nil
}

// requiredUserIDs returns an array of least to most user ids, which must be there.
func (b *body) requiredUserIDs(name string, least, most int) []int64 {
	ids := b.userIDs(name, most)
	if _, ok := b.get(name); !ok || len(ids) < least {
		b.bad(name, "an array of "+userListText(most))
	}
	return ids
}

func userListText(most int) string {
	return "at most " + strconv.Itoa(most) + " user ids in decimal digits"
}

func parseUserIDs(texts []string, most int) ([]int64, bool) {
	if len(texts) > most {
		return nil, false
	}
	ids := make([]int64, len(texts))
	for i, text := range texts {
		id, err := contracts.ParseUserID(text)
		if err != nil {
			return nil, false
		}
		ids[i] = int64(id)
	}
	return ids, true
}

// limit returns a page size from 1 to most, 0 when none is named.
func (b *body) limit(name string, most int) int32 {
	v, ok := b.get(name)
	if !ok {
		return 0
	}
	n, ok := v.count()
	if !ok || n < 1 || n > uint64(most) {
		b.bad(name, limitText(most))
		return 0
	}
	return int32(n) //nolint:gosec // bounded by most
}

// counts returns an object of whole numbers with at most most members, which must be there.
func (b *body) counts(name string, most int) map[string]uint64 {
	v, ok := b.get(name)
	if !ok || !v.isObject() {
		b.bad(name, "an object of whole numbers is required; empty when you have nothing")
		return nil
	}
	out := map[string]uint64{}
	err := walkValue(v, func(key []byte, v value) error {
		n, ok := v.count()
		if _, twice := out[string(key)]; twice || !ok {
			return errJSONDuplicate
		}
		out[string(key)] = n
		return nil
	})
	if err != nil || len(out) > most {
		b.bad(name, "an object of at most "+strconv.Itoa(most)+" whole numbers, each name once")
		return nil
	}
	return out
}

func limitText(most int) string { return "a whole number from 1 to " + strconv.Itoa(most) }

// query reads numbers of a query string and notes what is wrong with them.
type query struct {
	get func(name string) string
	body
}

// queryText returns a text of the query string that outlives the request.
func queryText(c *fiber.Ctx, name string) (string, error) {
	s := strings.Clone(c.Query(name))
	if !utf8.ValidString(s) {
		return "", contracts.Invalid(name, "valid UTF-8")
	}
	return s, nil
}

// limit returns a page size from 1 to most, 0 when none is named.
func (q *query) limit(name string, most int) int32 {
	s := q.get(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n < 1 || n > uint64(most) {
		q.bad(name, limitText(most))
		return 0
	}
	return int32(n)
}

// count returns a whole number, nil when none is named.
func (q *query) count(name string) *uint64 {
	s := q.get(name)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		q.bad(name, "a whole number")
		return nil
	}
	return &n
}
