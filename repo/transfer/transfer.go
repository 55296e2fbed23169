// Package transfer carries everything that is stored from one database to another, as
// lines of JSON (NDJSON): from the embedded one to servers, or back. Ids, numbers, keys of
// clients, times and read positions stay as they are.
package transfer

import (
	"errors"
	"slices"
	"strings"
)

var (
	// ErrNotExport is wrapped when a directory has no complete export that this program can read.
	ErrNotExport = errors.New("this is not a complete export")
	// ErrNotEmpty is wrapped when the database has data from elsewhere than an interrupted import of this export.
	ErrNotEmpty = errors.New("the database is not empty")
	// ErrDiffers is wrapped when, after all rows are imported, the database does not have what was exported.
	ErrDiffers = errors.New("the database does not hold what was exported")
	// ErrBegun is wrapped when an import into the database was begun and is not finished.
	ErrBegun = errors.New("an import into this database was begun and is not finished; run the same gochat import again")
)

// Table is a table that is carried over, with all of its columns.
type Table struct {
	Name string
	// Key is the primary key: rows are read in its order.
	Key string
	// Made is an SQL condition for the rows that every new store has; an import replaces them.
	Made string
}

// Tables lists the tables that are carried over, in this order. Every table of the schema is either here
// or in LeftOut.
var Tables = []Table{
	{Name: "users", Key: "user_id"},
	{Name: "groups", Key: "group_id"},
	{Name: "group_members", Key: "group_id, user_id"},
	{Name: "conversations", Key: "conversation_id", Made: "conversation_id = 'world'"},
	{Name: "conversation_members", Key: "conversation_id, user_id"},
	{Name: "messages", Key: "conversation_id, seq_id"},
	{Name: "message_skips", Key: "conversation_id, seq_id"},
	{Name: "delivered_positions", Key: "conversation_id, user_id"},
	{Name: "devices", Key: "user_id, device_id"},
	{Name: "device_tokens", Key: "user_id, device_id, token_id"},
	{Name: "sign_outs", Key: "user_id"},
	{Name: "revoked_tokens", Key: "token_id"},
	{Name: "refused_sends", Key: "sender_id, client_msg_id"},
	{Name: "announcements", Key: "announcement_id"},
	{Name: "webhook_hooks", Key: "hook"},
	{Name: "webhook_cursors", Key: "hook, conversation_id"},
	{Name: "poison_records", Key: "record_id"},
}

// LeftOut are the tables that are not carried over, and why.
var LeftOut = map[string]string{
	"search_blocks":       "the search index is made anew from the messages",
	"search_backfill":     "how far that is begins anew",
	"store_epoch":         "a store has its own, by which clients of the other one take everything anew",
	"write_probe":         "it only tells whether the database takes writes",
	"schema_breaks":       "it is about the schema, which the other database has its own of",
	"bun_migrations":      "it is about the schema, which the other database has its own of",
	"bun_migration_locks": "it is about the schema, which the other database has its own of",
	progressTable:         "it tells how far an import is",
}

func tableNamed(name string) (Table, bool) {
	i := slices.IndexFunc(Tables, func(t Table) bool { return t.Name == name })
	if i < 0 {
		return Table{}, false
	}
	return Tables[i], true
}

// isID reports whether a column's numbers are written as strings: many readers of JSON cannot represent
// such large numbers.
func isID(column string) bool {
	return strings.HasSuffix(column, "_id") && column != "seq_id" || column == "user_a" || column == "user_b"
}

// Progress is told how many rows of a table are done, and of how many; 0: not known.
type Progress func(table string, rows, of int64)

// quoted is a name in a statement of either database.
func quoted(name string) string { return "`" + name + "`" }
