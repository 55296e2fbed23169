package kubernetes_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUpgradeGoesRoleByRole: roles get the new image in the order of deploy/SERVERS.md and keep the old one until
// their turn. With --back the order is reversed, and repo keeps its image.
func TestUpgradeGoesRoleByRole(t *testing.T) {
	workers := []string{"logic", "fanout", "feed", "janitor"}
	for name, c := range map[string]struct {
		running map[string]string // roles that run another version than 1.0.0
		args    []string
		steps   [][]string // roles that get the tag in each call of helm, and keep it
		end     string     // what image.tag is set to at the end
	}{
		"forward":                  {nil, []string{"1.1.0"}, [][]string{{"repo"}, workers, {"message"}, {"gateway"}}, "1.1.0"},
		"after it was interrupted": {map[string]string{"repo": "1.1.0"}, []string{"1.1.0"}, [][]string{{"repo"}, workers, {"message"}, {"gateway"}}, "1.1.0"},
		"back":                     {map[string]string{"repo": "1.2.0"}, []string{"1.1.0", "--back"}, [][]string{{"gateway"}, {"message"}, workers}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			calls := upgrade(t, c.running, c.args...)
			want := map[string]string{"repo": "1.0.0", "message": "1.0.0", "gateway": "1.0.0"}
			for _, w := range workers {
				want[w] = "1.0.0"
			}
			for role, tag := range c.running {
				want[role] = tag
			}
			require.GreaterOrEqual(t, len(calls), len(c.steps))
			for i, step := range c.steps {
				for _, role := range step {
					want[role] = "1.1.0"
				}
				for role, tag := range want {
					assert.Equal(t, tag, calls[i]["roles."+role+".tag"], "call %d, role %s", i, role)
				}
			}
			if c.end == "" {
				assert.Len(t, calls, len(c.steps), "versions differ, so that each role keeps its tag")
				return
			}
			require.Len(t, calls, len(c.steps)+1)
			last := calls[len(c.steps)]
			assert.Equal(t, c.end, last["image.tag"])
			for role := range want {
				assert.Empty(t, last["roles."+role+".tag"], role)
			}
		})
	}
}

// upgrade runs the script with a fake helm and kubectl that only record their arguments, and returns
// the values that each call of helm sets.
func upgrade(t *testing.T, running map[string]string, args ...string) (calls []map[string]string) {
	t.Helper()
	dir := t.TempDir()
	kubectl := "#!/bin/sh\ncase \"$*\" in\n"
	for role, tag := range running {
		kubectl += "*component=" + role + "*) echo registry:5000/gochat:" + tag + ";;\n"
	}
	kubectl += "*) echo registry:5000/gochat:1.0.0;;\nesac\n"
	helm := "#!/bin/sh\necho \"$@\" >>" + filepath.Join(dir, "calls") + "\n"
	for name, text := range map[string]string{"kubectl": kubectl, "helm": helm} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700)) // #nosec G306 -- is run
	}
	cmd := exec.CommandContext(t.Context(), "./upgrade", args...) // #nosec G204 -- ours
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	text, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		words, set := strings.Fields(line), map[string]string{}
		assert.Contains(t, words, "--wait")
		for i, w := range words[:len(words)-1] {
			if w == "--set-string" {
				key, value, _ := strings.Cut(words[i+1], "=")
				set[key] = value // the last one wins, as with helm
			}
		}
		calls = append(calls, set)
	}
	return calls
}
