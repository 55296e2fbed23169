package app

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDeployKnowsEveryRole: the manifests name the same roles as the table. A role without a manifest would not run,
// and a manifest of an unknown role would not start.
func TestDeployKnowsEveryRole(t *testing.T) {
	t.Parallel()
	chart := "deploy/kubernetes/chart/templates/"
	lists := regexp.MustCompile(`list((?: "[a-z]+"){3,})`)
	for _, c := range []struct {
		file string
		in   *regexp.Regexp // the part of the file; nil: all of it
		list *regexp.Regexp // its group is a list of roles, or a role of one that goes over many lines
		over bool
	}{
		{chart + "deployments.yaml", nil, lists, false},
		{chart + "disruption.yaml", nil, lists, false},
		{chart + "hpa.yaml", nil, lists, false},
		{chart + "networkpolicy.yaml", nil, lists, false},
		{"deploy/kubernetes/chart/values.yaml", regexp.MustCompile(`(?s)\nroles:\n.*?\nkeda:`), regexp.MustCompile(`(?m)^  ([a-z]+):`), true},
		{"deploy/kubernetes/kustomize/base/deployments.yaml", nil, regexp.MustCompile(`args: \["([a-z]+)"`), true},
		{"deploy/kubernetes/upgrade", nil, regexp.MustCompile(`for role in ([a-z ]+);`), false},
		{"deploy/compose/compose.yaml", nil, regexp.MustCompile(`(?m)^    command: \[([a-z]+)\]`), true},
		{"deploy/compose/prometheus.yml", nil, regexp.MustCompile(`names: \[(repo, [a-z, ]+)\]`), false},
		{"docs/architecture.md", regexp.MustCompile(`(?s)\| repo \|.*?\n\n`), regexp.MustCompile(`(?m)^\| ([a-z]+) \|`), true},
	} {
		raw, err := os.ReadFile(filepath.Join("..", c.file))
		require.NoError(t, err)
		text := string(raw)
		if c.in != nil {
			text = c.in.FindString(text)
		}
		var found [][]string
		for _, m := range c.list.FindAllStringSubmatch(text, -1) {
			found = append(found, strings.FieldsFunc(m[1], func(r rune) bool { return r < 'a' || r > 'z' }))
		}
		require.NotEmpty(t, found, c.file)
		if c.over {
			found = [][]string{slices.Concat(found...)}
		}
		for _, names := range found {
			slices.Sort(names)
			assert.ElementsMatch(t, roles().names(), slices.Compact(names), c.file)
		}
	}
}
