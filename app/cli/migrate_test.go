package cli

import (
	"bytes"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMigrateCommand goes up and down on an embedded database.
func TestMigrateCommand(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"migrate"}, 2, "", "status"},
		{[]string{"migrate", "status"}, 1, "", "there is no store at " + dir},
		{[]string{"migrate", "up"}, 0, "applied 20260101000000", ""},
		{[]string{"migrate", "up"}, 0, "up to date", ""},
		{[]string{"migrate", "status"}, 0, "20260101000000                 applied", ""},
		{[]string{"migrate", "down"}, 2, "", "would undo 20260101000000"},
		{[]string{"migrate", "down", "--yes"}, 0, "undone 20260101000000", ""},
		{[]string{"migrate", "down", "--yes"}, 0, "nothing is applied", ""},
		{[]string{"migrate", "status"}, 1, "pending", "gochat migrate up"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append(step.args, "--data-dir", dir), &stdout, &stderr)
		assert.Equal(t, step.code, code, "%v: %s", step.args, stderr.String())
		assert.Contains(t, stdout.String(), step.stdout, step.args)
		assert.Contains(t, stderr.String(), step.stderr, step.args)
	}
}

// TestMigrateOnANewerSchema: migrations of a newer program are listed, and are an error only when
// they are marked as breaking for older programs.
func TestMigrateOnANewerSchema(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"migrate", "up", "--data-dir", dir}, &stdout, &stderr), stderr.String())
	change := func(query string) {
		t.Helper()
		d, err := sql.Open("sqlite", filepath.Join(dir, "gochat.db"))
		require.NoError(t, err)
		_, err = d.ExecContext(t.Context(), query)
		require.NoError(t, errors.Join(err, d.Close()))
	}
	for _, step := range []struct {
		query, command string
		code           int
		stdout, stderr string
	}{
		{"INSERT INTO bun_migrations (name, group_id, migrated_at) VALUES ('29990101000000', 99, '2999-01-01 00:00:00')", "up", 0, "a newer gochat applied 29990101000000; this one works beside it", ""},
		{"", "status", 0, "2999-01-01 00:00:00, of a newer gochat; this one can work with it", ""},
		{"", "down", 1, "", "only a program that knows it can take it back"},
		{"INSERT INTO schema_breaks (name) VALUES ('29990101000000')", "up", 1, "", "says that programs without it cannot work"},
		{"", "status", 1, "of a newer gochat, with which this one cannot work", "use that version"},
	} {
		if step.query != "" {
			change(step.query)
		}
		stdout.Reset()
		stderr.Reset()
		args := []string{"migrate", step.command, "--data-dir", dir}
		if step.command == "down" {
			args = append(args, "--yes")
		}
		assert.Equal(t, step.code, run(t.Context(), args, &stdout, &stderr), "%v: %s", args, stderr.String())
		assert.Contains(t, stdout.String(), step.stdout, args)
		assert.Contains(t, stderr.String(), step.stderr, args)
	}
}
