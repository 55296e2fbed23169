package vectors

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/tests/chaos"
	"github.com/gochat/gochat/tests/conform"
)

const (
	folder = "../../contracts/vectors"
	schema = "schema.json"
)

var runner Runner

// TestMain runs against GOCHAT_TEST_URL (several with commas), or against a server
// that it builds and starts.
func TestMain(m *testing.M) { os.Exit(with(m)) }

func with(m *testing.M) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	contract, err := conform.New()
	if err != nil {
		return fail(err)
	}
	urls, stop, err := chaos.Running()
	if err != nil {
		return fail(err)
	}
	runner.Contract, runner.URLs = contract, urls
	code := m.Run()
	if err := stop(); err != nil {
		return fail(err)
	}
	return code
}

// files reads the vectors, by file name without its end.
func files(t *testing.T) map[string]*File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	out := map[string]*File{}
	for _, path := range paths {
		if filepath.Base(path) == schema {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := Parse(text)
		require.NoError(t, err, path)
		out[strings.TrimSuffix(filepath.Base(path), ".json")] = f
	}
	require.NotEmpty(t, out)
	return out
}

// TestVectors replays all vectors: -run 'TestVectors/groups' is one file of them,
// 'TestVectors/groups/roles' one scenario.
func TestVectors(t *testing.T) {
	for name, f := range files(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range f.Pairs {
				a, err := contracts.ParseUserID(p.Users[0])
				require.NoError(t, err)
				b, err := contracts.ParseUserID(p.Users[1])
				require.NoError(t, err)
				assert.Equal(t, p.ConversationID, string(contracts.SingleConversation(a, b)), "%v", p.Users)
			}
			for _, s := range f.Scenarios {
				t.Run(s.Name, func(t *testing.T) {
					t.Parallel()
					require.NoError(t, runner.Run(t.Context(), s))
				})
			}
		})
	}
}

// TestFormat: each file matches the JSON schema of vectors.
func TestFormat(t *testing.T) {
	t.Parallel()
	js := jsonschema.NewCompiler()
	sch, err := js.Compile(filepath.Join(folder, schema))
	require.NoError(t, err)
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	for _, path := range paths {
		if filepath.Base(path) == schema {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err, path)
		assert.NoError(t, sch.Validate(value), path)
	}
}

var placeholder = regexp.MustCompile(`\$\{[^}]*\}`)

// TestCoverage: each call and each frame type of the contract is in some vector, and
// vectors use no others, except to check that they do not exist.
func TestCoverage(t *testing.T) {
	t.Parallel()
	called, framed := map[string]bool{}, map[string]bool{}
	for name, f := range files(t) {
		for _, s := range f.Scenarios {
			for i, step := range s.Steps {
				where := fmt.Sprintf("%s/%s step %d", name, s.Name, i+1)
				if c := step.Call; c != nil {
					path, _, _ := strings.Cut(placeholder.ReplaceAllString(c.Path, "1"), "?")
					req, err := http.NewRequestWithContext(t.Context(), c.Method, path, nil)
					require.NoError(t, err, where)
					row := runner.Contract.Row(req)
					assert.True(t, row != "" || c.Expect.Status == http.StatusNotFound, "%s: %s %s", where, c.Method, c.Path)
					called[row] = true
				}
				if step.Send != nil {
					typ := typeOf(step.Send.Frame)
					framed["client "+typ] = true
				}
				if step.Receive != nil {
					typ := typeOf(step.Receive.Frame)
					assert.Contains(t, runner.Contract.ServerFrames(), typ, where)
					framed["server "+typ] = true
				}
			}
		}
	}
	for _, row := range runner.Contract.Rows() {
		if strings.Contains(row, " /api/") {
			assert.True(t, called[row], "no vector calls %s", row)
		}
	}
	for _, typ := range runner.Contract.ClientFrames() {
		assert.True(t, framed["client "+typ], "no vector sends %s", typ)
	}
	for _, typ := range runner.Contract.ServerFrames() {
		// Each Open awaits hello; a sync-hint needs a socket that is too slow.
		if typ != contracts.FrameHello && typ != contracts.FrameSyncHint {
			assert.True(t, framed["server "+typ], "no vector awaits %s", typ)
		}
	}
}

func typeOf(frame any) string {
	object, _ := frame.(map[string]any)
	typ, _ := object["type"].(string)
	return typ
}
