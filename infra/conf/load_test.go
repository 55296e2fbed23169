package conf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sourcesOf gives the key count the values that a test case has.
type sourcesOf struct{ flag, env, shared, file string }

func (s sourcesOf) source(t *testing.T) Source {
	t.Helper()
	src := Source{EnvPrefix: "APP", Flags: pflag.NewFlagSet("t", pflag.ContinueOnError)}
	AddFlags(src.Flags, "APP", defaults())
	if s.flag != "" {
		require.NoError(t, src.Flags.Parse([]string{"--count=" + s.flag}))
	}
	t.Setenv("APP_COUNT", s.env) // empty is as if it were not set
	if s.shared != "" {
		src.Shared = map[string]string{"count": s.shared}
	}
	if s.file != "" {
		src.File = filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(src.File, []byte("count: "+s.file+"\n"), 0o600))
	}
	return src
}

// TestTheFirstSourceWins: flag, environment, shared, file, default.
func TestTheFirstSourceWins(t *testing.T) {
	for name, tc := range map[string]struct {
		has       sourcesOf
		want      int
		from      Origin
		overruled []string
	}{
		"flag":             {sourcesOf{"9", "8", "7", "6"}, 9, FromFlag, []string{"count"}},
		"flag over file":   {sourcesOf{"9", "", "", "6"}, 9, FromFlag, nil},
		"environment":      {sourcesOf{"", "8", "7", "6"}, 8, FromEnvironment, []string{"count"}},
		"shared":           {sourcesOf{"", "", "7", "6"}, 7, FromShared, nil},
		"shared, no file":  {sourcesOf{"", "", "7", ""}, 7, FromShared, nil},
		"file":             {sourcesOf{"", "", "", "6"}, 6, FromFile, nil},
		"default":          {sourcesOf{}, 3, FromDefault, nil},
		"zero is a value":  {sourcesOf{"", "", "0", "6"}, 0, FromShared, nil},
		"zero in the file": {sourcesOf{"", "", "", "0"}, 0, FromFile, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := defaults()
			loaded, err := Load(tc.has.source(t), cfg)
			require.NoError(t, err)
			assert.Equal(t, tc.want, cfg.Count)
			assert.Equal(t, tc.from, loaded.Origins["count"])
			assert.Equal(t, tc.overruled, loaded.Overruled)
			assert.Equal(t, FromDefault, loaded.Origins["data_dir"])
		})
	}
}

// TestSharedValuesTakeEveryForm that the environment takes, also over another form in a file.
func TestSharedValuesTakeEveryForm(t *testing.T) {
	type forms struct {
		Gateway section           `mapstructure:"gateway"`
		Hooks   map[string]string `mapstructure:"hooks"`
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("hooks:\n  a: one\n  b: two\ngateway:\n  allowed_origins: [x, y]\n"), 0o600))
	cfg := &forms{}
	loaded, err := Load(Source{EnvPrefix: "APP", File: file, Shared: map[string]string{
		"hooks": "c=three", "gateway.allowed_origins": "z", "gateway.timeout": "3s",
	}}, cfg)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"c": "three"}, cfg.Hooks)
	assert.Equal(t, []string{"z"}, cfg.Gateway.Origins)
	assert.Equal(t, "3s", cfg.Gateway.Timeout.String())
	assert.Equal(t, FromShared, loaded.Origins["hooks"])
	assert.Equal(t, []string{file}, loaded.Files)
}

func TestUnknownSharedValues(t *testing.T) {
	_, err := Load(Source{EnvPrefix: "APP", Shared: map[string]string{"count": "1", "cuont": "2"}}, defaults())
	require.ErrorIs(t, err, ErrShared)
	require.ErrorContains(t, err, `"cuont"`)
	_, err = Load(Source{EnvPrefix: "APP", Shared: map[string]string{"count": "many"}}, defaults())
	require.ErrorContains(t, err, "count")
	err = CheckShared(map[string]string{"a": "1", "b": "2"}, []Spec{{Path: "a", Local: true}, {Path: "b"}})
	require.ErrorIs(t, err, ErrShared)
	require.ErrorContains(t, err, "a is each process's own")
}

// TestSecretsFromFiles: what the file holds is the value; the value and the file together, or a
// file that cannot be the right one, are errors, which never tell the secret.
func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		content, env string // content "-": there is no such file
		want, err    string
	}{
		"a line":       {content: "hidden\n", want: "hidden"},
		"no line end":  {content: "hidden", want: "hidden"},
		"spaces":       {content: " hid den \r\n", want: " hid den "},
		"both":         {content: "hidden", env: "hidden", err: "both APP_SECRET and APP_SECRET_FILE"},
		"empty":        {content: "\n", err: "is empty"},
		"no such file": {content: "-", err: "APP_SECRET_FILE"},
		"too long":     {content: strings.Repeat("hidden", secretMax/6+1), err: "no secret has"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			if tc.content != "-" {
				require.NoError(t, os.WriteFile(file, []byte(tc.content), 0o600))
			}
			t.Setenv("APP_SECRET", tc.env)
			t.Setenv("APP_SECRET_FILE", file)
			cfg := defaults()
			loaded, err := Load(Source{EnvPrefix: "APP"}, cfg)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				assert.NotContains(t, strings.ReplaceAll(err.Error(), dir, ""), "hidden")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, cfg.Secret)
			assert.Equal(t, FromEnvironment, loaded.Origins["secret"])
			assert.Equal(t, []string{file}, loaded.Files)
			assert.Empty(t, loaded.Unknown)
		})
	}
}

// TestOnlySecretsComeFromFiles: a file named for any other setting is a variable that nobody reads.
func TestOnlySecretsComeFromFiles(t *testing.T) {
	t.Setenv("APP_COUNT_FILE", "/dev/null")
	loaded, err := Load(Source{EnvPrefix: "APP"}, defaults())
	require.NoError(t, err)
	assert.Equal(t, []string{"APP_COUNT_FILE"}, loaded.Unknown)
	_, err = Load(Source{EnvPrefix: "APP", File: filepath.Join(t.TempDir(), "none.yaml")}, defaults())
	assert.True(t, errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "none.yaml"))
}
