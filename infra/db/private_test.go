package db_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"

	"github.com/gochat/gochat/infra/db"
)

// privateErrors are what a database says, and what may be logged of it.
var privateErrors = map[string]struct {
	said mysql.MySQLError
	want string
}{
	"a value": {
		mysql.MySQLError{Number: 1366, Message: `Incorrect string value: '\xF0\x9F secret' for column "gochat"."messages"."content" at row 1`},
		`save: Error 1366: Incorrect string value: ? for column "gochat"."messages"."content" at row 1`,
	},
	"a part of a statement, which is cut off": {
		mysql.MySQLError{Number: 1064, Message: `You have an error in your SQL syntax near 'it\'s a secret, 'text') at line 1`},
		`save: Error 1064: You have an error in your SQL syntax near ?`,
	},
	"a table": {
		mysql.MySQLError{Number: 1146, Message: "Table 'gochat.store_epoch' doesn't exist"},
		"save: Error 1146: Table 'gochat.store_epoch' doesn't exist",
	},
	"a column": {
		mysql.MySQLError{Number: 1054, Message: "Unknown column 'c.counted_seq' in 'SELECT'"},
		"save: Error 1054: Unknown column 'c.counted_seq' in 'SELECT'",
	},
	"a name in backquotes": {
		mysql.MySQLError{Number: 1091, Message: "Can't DROP COLUMN `stored_at`; check that it exists"},
		"save: Error 1091: Can't DROP COLUMN `stored_at`; check that it exists",
	},
	"an account": {
		mysql.MySQLError{Number: 1142, Message: "SELECT command denied to user 'gochat'@'10.0.0.%' for table `gochat`.`users`"},
		"save: Error 1142: SELECT command denied to user 'gochat'@'10.0.0.%' for table `gochat`.`users`",
	},
	"a name that is none": {
		mysql.MySQLError{Number: 1054, Message: "Unknown column 'my secret' in 'WHERE'"},
		"save: Error 1054: Unknown column ?",
	},
	"a name that is none, cut off": {
		mysql.MySQLError{Number: 1054, Message: "Unknown column 'isn't a secret"},
		"save: Error 1054: Unknown column ?",
	},
	"a value that looks like a name": {
		mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'secret' for key 'users.username_key'"},
		"save: Error 1062: Duplicate entry ? for key 'users.username_key'",
	},
	"a value that has a quote": {
		mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'it's a secret' for key 'users.username_key'"},
		"save: Error 1062: Duplicate entry ? for key 'users.username_key'",
	},
	"a value that has a quote and is cut off": {
		mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'it's a secret"}, "save: Error 1062: Duplicate entry ?",
	},
	"a statement": {
		mysql.MySQLError{Number: 1064, Message: "You have an error near 'it's a secret' at line 3"},
		"save: Error 1064: You have an error near ? at line 3",
	},
	"nothing": {mysql.MySQLError{Number: 1213, Message: "Deadlock found"}, "save: Error 1213: Deadlock found"},
}

// A database's error may be logged without what people wrote, and is still that error.
func TestPrivateErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	for name, c := range privateErrors {
		err := db.Private(fmt.Errorf("save: %w", &c.said))
		assert.Equal(t, c.want, err.Error(), name)
		assert.NotContains(t, err.Error(), "secret", name)
		assert.ErrorIs(t, err, &c.said, name)
	}
	plain := errors.New("plain 'secret'")
	assert.Equal(t, plain, db.Private(plain))
	assert.NoError(t, db.Private(nil))
}
