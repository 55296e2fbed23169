package db

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// naming are the errors of MySQL and MariaDB that quote nothing but names, of tables, columns, keys,
// databases and accounts, which an operator has to see.
var naming = map[uint16]bool{
	1044: true, 1045: true, 1048: true, 1049: true, 1050: true, 1051: true, 1054: true, 1060: true, 1061: true, 1072: true,
	1091: true, 1109: true, 1142: true, 1143: true, 1146: true, 1176: true, 1194: true, 1264: true, 1265: true, 1364: true, 1406: true, 1932: true,
}

var (
	aName = regexp.MustCompile(`^[\w$.%-]{1,200}$`)
	// between and before match the text around quoted names: none of it touches a name with a letter, as the
	// rest of a quoted value does that has a quote itself.
	between = regexp.MustCompile(`^(\W.*)?$`)
	before  = regexp.MustCompile(`^(.*\W)?$`)
	// afterValues matches what servers append behind the last value. A value may have quotes, which are not
	// escaped, and may be cut off, so of the text behind the first quote only this is known to be the
	// server's.
	afterValues = regexp.MustCompile("'( at line \\d+| for key '[\\w.]+'| for column [\"`'\\w.]+ at row \\d+| at row \\d+)$")
	// apostrophes removes the apostrophes in the servers' own words.
	apostrophes = strings.NewReplacer("doesn't exist", "", "Can't DROP", "")
)

// quotesNames reports whether each quoted part of a text looks like a name.
func quotesNames(text string) bool {
	parts := strings.Split(apostrophes.Replace(text), "'")
	if len(parts)%2 == 0 {
		return false // one is cut off
	}
	for i, part := range parts {
		if i%2 == 1 && !aName.MatchString(part) || i%2 == 0 && i > 0 && !between.MatchString(part) ||
			i%2 == 0 && i < len(parts)-1 && !before.MatchString(part) {
			return false
		}
	}
	return true
}

// withoutValues returns what a server said without what may be values.
func withoutValues(said *mysql.MySQLError) string {
	if naming[said.Number] && quotesNames(said.Message) {
		return said.Message
	}
	begin, _, quotes := strings.Cut(said.Message, "'")
	if !quotes {
		return said.Message
	}
	end := ""
	if found := afterValues.FindStringSubmatch(said.Message); found != nil {
		end = found[1]
	}
	return begin + "?" + end
}

// Private returns err with a text that may be logged. MySQL quotes values, which may be users' texts: they
// are taken out, except from errors that quote only names. SQLite's errors quote only names.
func Private(err error) error {
	var said *mysql.MySQLError
	if !errors.As(err, &said) {
		return err
	}
	clean := fmt.Sprintf("Error %d: %s", said.Number, withoutValues(said))
	return &privateError{err: err, text: strings.ReplaceAll(err.Error(), said.Error(), clean)}
}

// privateError is an error with another text.
type privateError struct {
	err  error
	text string
}

func (e *privateError) Error() string { return e.text }
func (e *privateError) Unwrap() error { return e.err }
