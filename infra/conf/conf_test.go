package conf

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

type section struct {
	Listen  string        `mapstructure:"listen"`
	Timeout time.Duration `mapstructure:"timeout"`
	Origins []string      `mapstructure:"allowed_origins"`
}

type config struct {
	DataDir string  `mapstructure:"data_dir"`
	Gateway section `mapstructure:"gateway"`
	Secret  string  `mapstructure:"secret" secret:"true"`
	Count   int     `mapstructure:"count"`
}

func defaults() *config {
	return &config{DataDir: "./data", Gateway: section{Listen: "127.0.0.1:8080", Timeout: time.Second}, Count: 3}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("data_dir: from-file\ncount: 7\ngateway:\n  listen: file:1\n  timeout: 3s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APP_GATEWAY_LISTEN", "env:1")
	t.Setenv("APP_COUNT", "8")
	t.Setenv("APP_GATEWAY_ALLOWED_ORIGINS", "https://a.example,https://b.example")
	t.Setenv("APP_TYPO", "x")
	t.Setenv("APP_TEST_REDIS", "x")
	flags := pflag.NewFlagSet("t", pflag.ContinueOnError)
	cfg := defaults()
	AddFlags(flags, "APP", cfg)
	if err := flags.Parse([]string{"--count=9"}); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(Source{EnvPrefix: "APP", File: file, Flags: flags}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := config{DataDir: "from-file", Gateway: section{
		Listen: "env:1", Timeout: 3 * time.Second, Origins: []string{"https://a.example", "https://b.example"},
	}, Count: 9}
	if cfg.DataDir != want.DataDir || cfg.Gateway.Listen != want.Gateway.Listen || cfg.Count != want.Count ||
		cfg.Gateway.Timeout != want.Gateway.Timeout || !slices.Equal(cfg.Gateway.Origins, want.Gateway.Origins) {
		t.Errorf("got %+v, want %+v", *cfg, want)
	}
	if !slices.Equal(loaded.Unknown, []string{"APP_TYPO"}) {
		t.Errorf("unknown variables %v, want APP_TYPO", loaded.Unknown)
	}
	if flags.Lookup("secret") != nil {
		t.Error("a secret has a flag")
	}
}

func TestErrorsNameTheKey(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct{ file, env, want string }{
		"unknown key in the file": {file: "gateway:\n  lisen: x\n", want: "lisen"},
		"wrong type":              {env: "many", want: "count"},
		"not yaml":                {file: ":\n  - [", want: "c.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			src := Source{EnvPrefix: "APP"}
			if tc.file != "" {
				src.File = filepath.Join(dir, "c.yaml")
				if err := os.WriteFile(src.File, []byte(tc.file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if tc.env != "" {
				t.Setenv("APP_COUNT", tc.env)
			}
			_, err := Load(src, defaults())
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), tc.want) {
				t.Errorf("error %v, want one that names %q", err, tc.want)
			}
		})
	}
}

func TestMapsInTheEnvironment(t *testing.T) {
	type keyed struct {
		Keys map[string]string `mapstructure:"keys" secret:"true"`
	}
	for text, want := range map[string]map[string]string{
		"":                      {},
		"k1=one":                {"k1": "one"},
		"k1=with=signs,k2=two,": {"k1": "with=signs", "k2": "two"},
		"secret-without-a-key":  nil,
		"=secret-without-a-key": nil,
	} {
		t.Setenv("APP_KEYS", text)
		cfg := &keyed{}
		_, err := Load(Source{EnvPrefix: "APP"}, cfg)
		switch {
		case want == nil && (err == nil || strings.Contains(err.Error(), "secret-without")):
			t.Errorf("%q: error %v, want one that does not tell the secret", text, err)
		case want != nil && (err != nil || !maps.Equal(cfg.Keys, want)):
			t.Errorf("%q: %v, %v, want %v", text, cfg.Keys, err, want)
		}
	}
}
