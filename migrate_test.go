package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
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
		{[]string{"migrate", "down"}, 2, "", "--yes"},
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
