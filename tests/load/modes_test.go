package load

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parsed(t *testing.T, args string) Config {
	t.Helper()
	var c Config
	fs := pflag.NewFlagSet("loadtest", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	Flags(fs, &c)
	require.NoError(t, fs.Parse(strings.Fields(args)), args)
	return c
}

func TestOneKindOfLoadIsChosen(t *testing.T) {
	t.Parallel()
	for args, flag := range map[string]string{
		"":                                  "pairs",
		"--pairs 3 --in-flight 2 --peers 2": "pairs",
		"--rate 100 --runs 3":               "pairs",
		"--warmup 1s --duration 2s":         "pairs",
		"--group 10 --in-flight 2":          "group",
		"--groups 3 --members 4":            "groups",
		"--groups 3":                        "groups",
		"--world 10 --content 5":            "world",
		"--idle 10 --users 3 --warm-up 1s":  "idle",
		"--reconnect 10 --users 3 --runs 2": "reconnect",
		"--history 1000 --in-flight 2":      "history",
		"--sync 10 --json --html x.html":    "sync",
	} {
		m, err := parsed(t, args).mode()
		if assert.NoError(t, err, args) {
			assert.Equal(t, flag, m.flag, args)
		}
	}
}

// TestWhatDoesNotGoTogetherIsSaid: for flags that contradict each other the error names them, and says why or what
// to do.
func TestWhatDoesNotGoTogetherIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, says string }{
		{"--group 5 --idle 5", "--group and --idle are two kinds of load"},
		{"--history 1000 --sync 5", "--history and --sync are two kinds of load"},
		{"--group 5 --rate 5", "--rate means nothing with --group, which takes --in-flight"},
		{"--group 5 --pairs 5", "--pairs means nothing with --group"},
		{"--members 5", "--members means nothing with --pairs"},
		{"--users 5", "--users means nothing with --pairs"},
		{"--idle 5 --in-flight 2", "--in-flight means nothing with --idle, which takes --users"},
		{"--idle 5 --runs 2", "--idle is measured once"},
		{"--reconnect 5 --in-flight 2", "--in-flight means nothing with --reconnect"},
		{"--sync 5 --users 2", "--users means nothing with --sync"},
		{"--world 5 --peers 2", "--peers means nothing with --world"},
		{"--rate 5 --in-flight 2", "choose one of them"},
		{"--group 0", "--group 0 measures nothing"},
		{"--sync 0", "--sync 0 measures nothing"},
		{"--group 1", "a group has at least 2 members"},
		{"--groups -1", "--groups -1"},
		{"--groups 2 --members 1", "--members 1"},
		{"--world 1", "--world 1"},
		{"--idle -1", "--idle -1"},
		{"--reconnect -1", "--reconnect -1"},
		{"--reconnect 5 --users 0", "--users 0"},
		{"--history 199", "at least 200 messages"},
		{"--sync -1", "--sync -1"},
		{"--pairs 0", "--pairs 0"},
		{"--pairs 2 --peers 3", "--peers 3"},
		{"--peers 0", "--peers 0"},
		{"--in-flight 0", "--in-flight 0"},
		{"--in-flight 2000", "it must be 1 to 1024"},
		{"--content 0", "--content 0"},
		{"--rate -1", "--rate -1"},
		{"--duration 0s", "--duration 0s"},
		{"--warm-up -1s", "--warm-up -1s"},
		{"--runs 0", "--runs 0"},
		{"--runs 101", "it must be 1 to 100"},
		{"--url ftp://x", `--url "ftp://x"`},
		{"--url localhost:8080", `--url "localhost:8080"`},
	} {
		_, err := parsed(t, c.args).mode()
		assert.ErrorContains(t, err, c.says, c.args)
	}
}

// TestEveryFlagIsPlaced: every flag is either for all modes or in takes of some; a new flag has to be put in one place.
func TestEveryFlagIsPlaced(t *testing.T) {
	t.Parallel()
	var c Config
	fs := pflag.NewFlagSet("loadtest", pflag.ContinueOnError)
	Flags(fs, &c)
	known := append(strings.Fields("url duration warm-up pid json html"), ofModes...)
	for _, m := range modes {
		known = append(known, m.flag)
		for _, flag := range strings.Fields(m.takes) {
			assert.Contains(t, ofModes, flag, "of --%s", m.flag)
		}
	}
	fs.VisitAll(func(f *pflag.Flag) { assert.Contains(t, known, f.Name) })
}
