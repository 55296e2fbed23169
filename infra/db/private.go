package db

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Private returns err with a text that may be logged. MySQL quotes what it was given, which
// may be what people wrote: literals are taken out. SQLite quotes names alone.
func Private(err error) error {
	var said *mysql.MySQLError
	if !errors.As(err, &said) {
		return err
	}
	clean := fmt.Sprintf("Error %d: %s", said.Number, withoutLiterals(said.Message, true))
	return &privateError{err: err, text: strings.ReplaceAll(err.Error(), said.Error(), clean)}
}

// privateError is an error with another text.
type privateError struct {
	err  error
	text string
}

func (e *privateError) Error() string { return e.text }
func (e *privateError) Unwrap() error { return e.err }
