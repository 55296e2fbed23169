//go:build !race

package repo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
)

// crowd is how many rows of each kind are put beside those of the suite. A tenth of the messages is
// how many users and conversations there are.
type crowd struct{ messages, tenth, fewer int }

// crowded adds rows that nobody will read, so that a statement that reads them all is seen. The first
// user is in many conversations, and one group is large.
func crowded(t *testing.T, d *db.DB, messages int) {
	t.Helper()
	pool, closed, err := d.Patient()
	require.NoError(t, err)
	defer func() { assert.NoError(t, closed()) }()
	c := crowd{messages: messages, tenth: messages / 10, fewer: messages / 50}
	run := func(query string, args ...any) {
		if d.Driver() == db.SQLite {
			query = strings.Replace(query, "INSERT IGNORE", "INSERT OR IGNORE", 1)
		}
		_, err := pool.DB.ExecContext(t.Context(), query, args...)
		require.NoError(t, err, query)
	}
	run("CREATE TABLE plan_numbers (n BIGINT NOT NULL PRIMARY KEY)")
	const digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4" +
		" UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	run("INSERT INTO plan_numbers (n) SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d FROM " + digits + " AS a CROSS JOIN " + digits +
		" AS b CROSS JOIN " + digits + " AS c CROSS JOIN " + digits + " AS e CROSS JOIN " + digits + " AS f")
	for _, r := range c.tables() {
		for from := 0; from < r.rows; from += 100_000 { // a transaction of bearable size
			query := r.insert + " FROM plan_numbers WHERE n < ?"
			run(strings.ReplaceAll(query, "{n}", fmt.Sprintf("(n + %d)", from)), min(100_000, r.rows-from))
		}
	}
	run("UPDATE search_backfill SET done = 1")
	analyze(t.Context(), t, d, run)
}

// numbered is a statement that makes as many rows as it is told, where {n} is the row's number.
type numbered struct {
	rows   int
	insert string
}

func (c crowd) tables() []numbered {
	of := func(rows int, insert string) numbered {
		return numbered{rows, strings.NewReplacer("{people}", fmt.Sprint(c.tenth), "{base}", "1000000000").Replace(insert)}
	}
	return []numbered{
		of(c.tenth, "INSERT INTO users (user_id, username, username_key, nickname, avatar_url, password_hash, created_at)"+
			" SELECT {base} + {n}, CONCAT('plan', {n}), CONCAT('plan', {n}), '', '', '', {n}"),
		of(c.tenth, "INSERT INTO conversations (conversation_id, type, user_a, user_b, last_seq, last_message_at, created_at)"+
			" SELECT CONCAT('s_plan', {n}), 1, {base} + {n}, {base} + ({n} + 1) % {people}, 10, {n}, {n}"),
		of(c.fewer, "INSERT INTO conversations (conversation_id, type, group_id, last_seq, last_message_at, created_at)"+
			" SELECT CONCAT('g_', {base} + {n}), 2, {base} + {n}, 10, {n}, {n}"),
		of(c.tenth, "INSERT INTO conversation_members (conversation_id, user_id) SELECT CONCAT('s_plan', {n}), {base} + {n}"),
		of(c.tenth, "INSERT INTO conversation_members (conversation_id, user_id) SELECT CONCAT('s_plan', {n}), {base} + ({n} + 1) % {people}"),
		of(c.fewer, "INSERT IGNORE INTO conversation_members (conversation_id, user_id) SELECT CONCAT('g_', {base} + {n}), {base}"),
		of(c.tenth, "INSERT IGNORE INTO conversation_members (conversation_id, user_id) SELECT CONCAT('g_', {base}), {base} + {n}"),
		of(c.fewer, "INSERT INTO `groups` (group_id, conversation_id, name, announcement, owner_id, member_count, join_policy, created_at)"+
			" SELECT {base} + {n}, CONCAT('g_', {base} + {n}), 'plan', '', {base}, 1, 'approval', {n}"),
		of(c.fewer, "INSERT IGNORE INTO group_members (group_id, user_id, role, joined_at) SELECT {base} + {n}, {base}, 'owner', {n}"),
		of(c.tenth, "INSERT IGNORE INTO group_members (group_id, user_id, role, joined_at) SELECT {base}, {base} + {n}, 'member', {n}"),
		of(c.messages, "INSERT INTO messages (conversation_id, seq_id, message_id, sender_id, client_msg_id, content, message_type, created_at)"+
			" SELECT CONCAT('s_plan', {n} % {people}), 1 + ({n} - {n} % {people}) / {people}, {base} + {n}, {base} + {n} % {people},"+
			" CONCAT('plan', {n}), 'x', 'text', {n}"),
		of(c.fewer, "INSERT INTO message_skips (conversation_id, seq_id, skipped) SELECT CONCAT('s_plan', {n}), 1, 1"),
		of(c.tenth, "INSERT INTO delivered_positions (conversation_id, user_id, delivered_seq) SELECT CONCAT('s_plan', {n}), {base} + {n}, 1"),
		of(c.fewer, "INSERT INTO announcements (announcement_id, created_at, payload) SELECT {base} + {n}, {n}, '{}'"),
		of(c.tenth, "INSERT INTO search_blocks (conversation_id, block, newest_at, oldest_at, grams) SELECT CONCAT('s_plan', {n}), 0, {n}, {n}, 'x'"),
		of(c.tenth, "INSERT INTO devices (user_id, device_id, last_seen_at) SELECT {base} + {n}, 'plan', {n}"),
		of(c.tenth, "INSERT INTO device_tokens (user_id, device_id, token_id, expires_at) SELECT {base} + {n}, 'plan', CONCAT('plan', {n}), {n}"),
		of(c.fewer, "INSERT INTO sign_outs (user_id, signed_out_before) SELECT {base} + {n}, {n}"),
		of(c.fewer, "INSERT INTO revoked_tokens (token_id, user_id, expires_at) SELECT CONCAT('plan', {n}), {base} + {n}, {n}"),
		of(c.tenth, "INSERT INTO webhook_cursors (hook, conversation_id, seq, news_seq, due_at) SELECT 'plan', CONCAT('s_plan', {n}), 0, 1, {n} % 100"),
		of(c.fewer, "INSERT INTO poison_records (uuid, consumer_group, topic, reason, error, sender, conversation_id, temp_message_id, told,"+
			" trace_id, poisoned_at, metadata, payload) SELECT CONCAT('plan', {n}), 'plan', 'plan', '', '', '', '', '', '', '', {n}, '{}', ''"),
		of(c.fewer, "INSERT INTO refused_sends (sender_id, client_msg_id, refused_at) SELECT {base} + {n}, 'plan', {n}"),
	}
}

// analyze lets the server count, which it does by itself in the long run. SQLite plans without
// having counted: that is how it runs.
func analyze(ctx context.Context, t *testing.T, d *db.DB, run func(string, ...any)) {
	t.Helper()
	if d.Driver() == db.SQLite {
		return
	}
	var tables []string
	require.NoError(t, d.Writer().NewRaw("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(ctx, &tables))
	for _, table := range tables {
		run("ANALYZE TABLE `" + table + "`")
	}
}
