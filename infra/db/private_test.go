package db_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/infra/db"
)

// A database's error may be logged without what people wrote, and is still that error.
func TestPrivateErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		said mysql.MySQLError
		want string
	}{
		"a value": {
			mysql.MySQLError{Number: 1366, Message: `Incorrect string value: '\xF0\x9F secret' for column "gochat"."messages"."content" at row 1`},
			`save: Error 1366: Incorrect string value: ? for column "gochat"."messages"."content" at row 1`,
		},
		"a part of a statement, which is cut off": {
			mysql.MySQLError{Number: 1064, Message: `You have an error in your SQL syntax near 'it\'s a secret, 'text') at line 1`},
			`save: Error 1064: You have an error in your SQL syntax near ?text?`,
		},
		"nothing": {mysql.MySQLError{Number: 1213, Message: "Deadlock found"}, "save: Error 1213: Deadlock found"},
	} {
		err := db.Private(fmt.Errorf("save: %w", &c.said))
		assert.Equal(t, c.want, err.Error(), name)
		assert.NotContains(t, err.Error(), "secret", name)
		assert.ErrorIs(t, err, &c.said, name)
	}
	plain := errors.New("plain 'secret'")
	assert.Equal(t, plain, db.Private(plain))
	assert.NoError(t, db.Private(nil))
}
