package sqlstore

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
)

// TestNewerSchemas: this program works with what a newer one did to the schema, unless a migration says
// that it cannot.
func TestNewerSchemas(t *testing.T) {
	t.Parallel()
	const (
		next    = "INSERT INTO bun_migrations (name, group_id, migrated_at) VALUES ('29990101000000', 99, '2026-01-01 00:00:00')"
		breaks  = "INSERT INTO schema_breaks (name) VALUES ('29990101000000')"
		mine    = "INSERT INTO schema_breaks (name) VALUES ('20261129110000')"
		lacking = "DELETE FROM bun_migrations WHERE name = '20261129110000'"
	)
	for _, c := range []struct {
		name   string
		did    []string
		state  string
		refuse string
	}{
		{"a migration that adds", []string{next}, "29990101000000 unknown", ""},
		{"a migration that breaks", []string{breaks, next}, "29990101000000 breaks", "29990101000000 of a newer gochat"},
		{"a migration that breaks and is under way, or was killed", []string{breaks}, "29990101000000 breaks", "29990101000000 of a newer gochat"},
		{"a break that is known here", []string{mine, next}, "29990101000000 unknown", ""},
		{"another line of programs", []string{next, lacking}, "29990101000000 unknown", "20261129110000 of this program is not applied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, d *db.DB) {
				_, err := Migrate(t.Context(), d)
				require.NoError(t, err)
				exec(t, d, c.did...)
				assert.Contains(t, states(t, d), c.state)
				names, err := Migrate(t.Context(), d)
				assert.Empty(t, names)
				checked := CheckMigrated(t.Context(), d)
				unknown, newer := Newer(t.Context(), d)
				if c.refuse == "" {
					require.NoError(t, err)
					require.NoError(t, checked)
					require.NoError(t, newer)
					assert.Equal(t, []string{"29990101000000"}, unknown)
				} else {
					for _, err := range []error{err, checked, newer} {
						require.ErrorIs(t, err, store.ErrNewerSchema)
						require.ErrorContains(t, err, c.refuse)
					}
				}
				_, err = Rollback(t.Context(), d)
				require.ErrorIs(t, err, store.ErrNewerSchema, "nothing of a newer program's is dropped")
			})
		})
	}
}

var (
	taken = regexp.MustCompile(`(?i)\b(DROP|RENAME|MODIFY|CHANGE|TRUNCATE)\b`)
	added = regexp.MustCompile(`(?is)\bADD\s+COLUMN\b[^,;]*`)
)

// incompatible: programs of before may not survive it.
func incompatible(query string) bool {
	query = regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(query, "")
	for _, column := range added.FindAllString(query, -1) {
		upper := strings.ToUpper(column)
		if strings.Contains(upper, "NOT NULL") && !strings.Contains(upper, "DEFAULT") {
			return true
		}
	}
	return taken.MatchString(query)
}

// inPlace are migrations that put a table in the place of another one with the same columns, which
// programs of before work with.
var inPlace = map[string]bool{"20261130030000": true}

// TestMigrationsSayWhatTheyBreak: from the one that made schema_breaks on.
func TestMigrationsSayWhatTheyBreak(t *testing.T) {
	t.Parallel()
	for query, breaks := range map[string]bool{
		"ALTER TABLE users ADD COLUMN a INT NOT NULL DEFAULT 0":         false,
		"ALTER TABLE users ADD COLUMN a INT NOT NULL":                   true,
		"ALTER TABLE users ADD COLUMN a INT NOT NULL, ADD COLUMN b INT": true,
		"ALTER TABLE users ADD COLUMN a INT":                            false,
		"CREATE TABLE x (a INT NOT NULL)":                               false,
		"DROP TABLE users":                                              true,
		"ALTER TABLE users RENAME COLUMN a TO b":                        true,
		"ALTER TABLE users MODIFY a BIGINT NOT NULL DEFAULT 0":          true,
	} {
		assert.Equal(t, breaks, incompatible(query), query)
	}
	files, err := fs.Glob(migrationFiles, "migrations/*/*.up.sql")
	require.NoError(t, err)
	for _, file := range files {
		name, _, _ := strings.Cut(file[strings.LastIndex(file, "/")+1:], "_")
		if name < "20261129110000" {
			continue
		}
		text, err := migrationFiles.ReadFile(file)
		require.NoError(t, err)
		mark := "INSERT INTO schema_breaks (name) VALUES ('" + name + "')"
		if incompatible(string(text)) && !inPlace[name] {
			assert.Contains(t, string(text), mark, "%s changes what programs of before stand on: it has to say so", file)
		}
	}
}
