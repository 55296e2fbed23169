package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// line returns the line of an output that begins with a word.
func line(t *testing.T, out, word string) string {
	t.Helper()
	for l := range strings.Lines(out) {
		if strings.HasPrefix(l, word+" ") {
			return l
		}
	}
	t.Fatalf("no line begins with %q in %s", word, out)
	return ""
}

// TestConfigShowsWhereValuesComeFrom: each value has its source, and the value of a secret is never shown.
func TestConfigShowsWhereValuesComeFrom(t *testing.T) {
	dir := t.TempDir()
	file, secret := filepath.Join(dir, "gochat.yaml"), filepath.Join(dir, "dsn")
	require.NoError(t, os.WriteFile(file, []byte("log:\n  level: warn\n  format: json\nkv:\n  db: 3\n"), 0o600))
	require.NoError(t, os.WriteFile(secret, []byte("user:hidden@tcp(h)/db\n"), 0o600))
	t.Setenv("GOCHAT_LOG_FORMAT", "console")
	t.Setenv("GOCHAT_KV_DB", "4")
	t.Setenv("GOCHAT_DB_DSN_FILE", secret)
	for _, words := range [][]string{{"config"}, {"config", "show"}} {
		var stdout, stderr syncBuffer
		require.Zero(t, run(t.Context(), append(words, "--config", file, "--kv-db", "5"), &stdout, &stderr), stderr.String())
		for setting, want := range map[string][]string{
			"log.level": {"warn", "file"}, "log.format": {"console", "environment"}, "kv.db": {"5", "flag"},
			"log.max_files": {"default"}, "db.dsn": {"(set)", "environment", "$GOCHAT_DB_DSN_FILE"},
		} {
			for _, word := range want {
				assert.Contains(t, strings.Fields(line(t, stdout.String(), setting)), word, setting)
			}
		}
		assert.NotContains(t, stdout.String(), "hidden")
	}
}

// TestConfigCheck: the check reports the error that a start would report, and starts nothing.
func TestConfigCheck(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		file  string
		words []string
		env   map[string]string
		code  int
		want  string
	}{
		"good":                        {file: "log:\n  level: warn\n", want: "good for repo, logic, message"},
		"out of its range":            {file: "kv:\n  db: -1\n", code: 1, want: "kv.db -1"},
		"not together":                {file: "limits:\n  password_min: 60\n  password_max: 50\n", code: 1, want: "password"},
		"no such setting":             {file: "kv:\n  dbb: 1\n", code: 1, want: "dbb"},
		"a role that finds no others": {words: []string{"gateway"}, code: 1, want: "GOCHAT_REGISTRY_ENDPOINTS"},
		"no such role":                {words: []string{"gate"}, code: 2, want: `no role or command "gate"`},
		"a variable without setting":  {env: map[string]string{"GOCHAT_KV_DBB": "1"}, want: "GOCHAT_KV_DBB"},
		"no such level":               {words: []string{"--log-level", "loud"}, code: 1, want: `log.level "loud": must be`},
		"no such format":              {env: map[string]string{"GOCHAT_LOG_FORMAT": "xml"}, code: 1, want: `log.format "xml": must be`},
		"an address without port":     {words: []string{"--gateway-listen", "foo"}, code: 1, want: `gateway.listen "foo": must be host:port`},
		"a port too high":             {words: []string{"--gateway-listen", "127.0.0.1:99999"}, code: 1, want: `gateway.listen "127.0.0.1:99999": must be host:port`},
		"an address for machines":     {words: []string{"--ops-listen", "foo"}, code: 1, want: `ops.listen "foo": must be host:port`},
		"an address of profiles":      {words: []string{"--debug-listen", "foo"}, code: 1, want: `debug.listen "foo": must be host:port`},
		"a key that is not there":     {env: map[string]string{"GOCHAT_AUTH_ACTIVE_KEY": "k9"}, code: 1, want: `auth.active_key "k9": auth.keys has no keys`},
		"an environment in capitals":  {words: []string{"--environment", "Blue"}, code: 1, want: `environment "Blue": must be empty, or 1 to 32 lower-case letters, digits and hyphens`},
		"an environment too long":     {words: []string{"--environment", strings.Repeat("a", 33)}, code: 1, want: "must be empty, or 1 to 32"},
		"an environment with a colon": {words: []string{"--environment", "a:b"}, code: 1, want: "must be empty, or 1 to 32"},
		"an environment, and etcd":    {words: []string{"--environment", "a/b", "--registry-endpoints", "127.0.0.1:1"}, code: 1, want: "must be empty, or 1 to 32"},
		"a good environment":          {words: []string{"--environment", "blue-2" + strings.Repeat("a", 26)}, want: "good for repo, logic, message"},
		"half a second":               {words: []string{"--auth-token-ttl", "1500ms"}, code: 1, want: "auth.token_ttl is 1.5s: it must be whole seconds"},
		"half a second's wait":        {words: []string{"--db-driver", "mysql", "--db-lock-timeout", "1500ms"}, env: map[string]string{"GOCHAT_DB_DSN": "a:b@tcp(127.0.0.1:1)/c"}, code: 1, want: "db.lock_timeout: must be whole seconds"},
		"a secret twice":              {env: map[string]string{"GOCHAT_DB_DSN": "x", "GOCHAT_DB_DSN_FILE": "y"}, code: 1, want: "both GOCHAT_DB_DSN and GOCHAT_DB_DSN_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			data := filepath.Join(dir, "data")
			words := append([]string{"config", "check", "--data-dir", data}, tc.words...)
			if tc.file != "" {
				file := filepath.Join(dir, "gochat.yaml")
				require.NoError(t, os.WriteFile(file, []byte(tc.file), 0o600))
				words = append(words, "--config", file)
			}
			var stdout, stderr syncBuffer
			require.Equal(t, tc.code, run(t.Context(), words, &stdout, &stderr), stderr.String())
			assert.Contains(t, stdout.String()+stderr.String(), tc.want)
			if tc.code == 1 { // a start prints the same error
				start := words[2:]
				if len(tc.words) > 0 && tc.words[0] == "gateway" {
					start = append([]string{"gateway"}, "--data-dir", data)
				}
				var out, said syncBuffer
				ended, cancel := context.WithCancel(t.Context())
				cancel() // a start that is wrongly accepted stops at once
				assert.Equal(t, 1, run(ended, start, &out, &said), out.String())
				assert.Equal(t, stderr.String(), said.String())
			}
			assert.NoDirExists(t, data)
		})
	}
}

// TestSettingsAreDocumented: docs/settings.md is the output of "gochat config doc".
func TestSettingsAreDocumented(t *testing.T) {
	const file = "docs/settings.md"
	committed, err := os.ReadFile(filepath.Join("..", "..", file))
	require.NoError(t, err)
	made := filepath.Join(t.TempDir(), "settings.md")
	var stdout, stderr syncBuffer
	require.Zero(t, run(t.Context(), []string{"config", "doc", made}, &stdout, &stderr), stderr.String())
	written, err := os.ReadFile(made)
	require.NoError(t, err)
	assert.Equal(t, string(written), string(committed), "run: go run . config doc %s", file)
	require.Zero(t, run(t.Context(), []string{"config", "doc"}, &stdout, &stderr), stderr.String())
	assert.Equal(t, string(written), stdout.String())
}
