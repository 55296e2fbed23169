package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrDamaged says that an SQLite file is no database or is malformed; the
// error's text names the file.
var ErrDamaged = errors.New("the database file is damaged")

// classify marks an error that means a damaged file.
func (d *DB) classify(err error) error {
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%w: %s: %w", ErrDamaged, d.name, err)
		}
	}
	return err
}

// MySQL error numbers.
const (
	myDiskFull      = 1021
	myTooMany       = 1040
	myNotAllowed    = 1044
	myDenied        = 1045
	myNoDatabase    = 1049
	myShutdown      = 1053
	myNoColumn      = 1054
	myHasColumn     = 1060
	myHasKey        = 1061
	myDuplicate     = 1062
	myLacksColumn   = 1091
	myTableFull     = 1114
	myNoRight       = 1142
	myNoColumnRight = 1143
	myNoTable       = 1146
	myCrashed       = 1194
	myTooManyUser   = 1203
	myLockWait      = 1205
	myDeadlock      = 1213
	myReadOnly      = 1290
	myInterrupted   = 1317
	myNoSpace       = 1713
	myReadOnlyTrx   = 1792
	myReadOnlyMode  = 1836
	myKilled        = 1927
	mySlowMaria     = 1969
	mySlow          = 3024
)

// IsUniqueViolation reports whether err says that a row exists already, and by which key: on SQLite the key's
// columns ("users.username_key"), on MySQL the index's name without its table.
func IsUniqueViolation(err error) (key string, ok bool) {
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
			_, key, _ = strings.Cut(se.Error(), "UNIQUE constraint failed: ")
			key, _, _ = strings.Cut(key, " (")
			return key, true
		}
		return "", false
	}
	var me *mysql.MySQLError
	if errors.As(err, &me) && me.Number == myDuplicate {
		_, key, _ = strings.Cut(me.Message, "for key '")
		key = strings.TrimSuffix(key, "'")
		if i := strings.LastIndexByte(key, '.'); i >= 0 {
			key = key[i+1:]
		}
		return key, true
	}
	return "", false
}

// IsTransient reports whether the same may succeed when it is tried again: after locks, lost connections, a
// full disk, an expired deadline.
func IsTransient(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || IsLost(err) {
		return true
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_INTERRUPT:
			return true
		}
		return false
	}
	return IsConflict(err) || isAway(err)
}

// IsServers reports whether the database's state is at fault, and not the statement: the server refuses the
// login, or lacks a part of the schema, or the database is read-only or damaged. Trying again helps once an
// operator has mended it.
func IsServers(err error) bool {
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		switch me.Number {
		case myNotAllowed, myDenied, myNoDatabase, myNoTable, myNoColumn, myNoRight, myNoColumnRight, myDiskFull, myNoSpace, myCrashed:
			return true
		}
		return false
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM,
			sqlite3.SQLITE_AUTH, sqlite3.SQLITE_NOMEM:
			return true
		}
	}
	return false
}

// IsLost reports whether the connection was lost, so that nobody knows whether the statement was executed.
// Idempotent statements can be tried again.
func IsLost(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return true
	}
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return me.Number == myShutdown || me.Number == myKilled
	}
	var ne net.Error
	return errors.As(err, &ne)
}

// IsColumnChanged reports whether the column or key to be added exists already, or the one to be dropped does
// not exist.
func IsColumnChanged(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && (me.Number == myHasColumn || me.Number == myHasKey || me.Number == myLacksColumn)
}

// IsConflict reports whether the database gave up a transaction because of
// another one; it can be run again at once.
func IsConflict(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && (me.Number == myDeadlock || me.Number == myLockWait)
}

func isAway(err error) bool {
	var me *mysql.MySQLError
	if !errors.As(err, &me) {
		return false
	}
	switch me.Number {
	case myTooMany, myTooManyUser, myShutdown, myKilled, myReadOnly, myReadOnlyTrx, myReadOnlyMode, myInterrupted,
		mySlow, mySlowMaria, myTableFull:
		return true
	}
	return false
}
