// Package monitoring_test compares dashboards, rules and the pages of alerts with each other and with
// the metrics of the program.
package monitoring_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

// rule is a recording rule or an alert.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

// rules returns the rules of all files.
func rules(t *testing.T) (all []rule) {
	t.Helper()
	files, err := filepath.Glob("rules/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var file struct{ Groups []struct{ Rules []rule } }
		require.NoError(t, yaml.Unmarshal(raw, &file), name)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// queries returns the queries of dashboards and rules, by their places.
func queries(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, r := range rules(t) {
		name := r.Record + r.Alert
		out[name] = append(out[name], r.Expr)
	}
	files, err := filepath.Glob("dashboards/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var d struct {
			Panels     []struct{ Targets []struct{ Expr string } }
			Templating struct{ List []struct{ Query string } }
		}
		require.NoError(t, json.Unmarshal(raw, &d), name)
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				out[name] = append(out[name], q.Expr)
			}
		}
		for _, v := range d.Templating.List {
			out[name] = append(out[name], v.Query)
		}
	}
	return out
}

var (
	metric = regexp.MustCompile(`^gochat_[a-z0-9_]*[a-z0-9]$`)
	used   = regexp.MustCompile(`\b(?:gochat|go|process)_[a-z0-9_]+|\bgochat:[a-z0-9_:]+`)
	text   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	series = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// measured returns the names of metrics in the program's source.
func measured(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "gen" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "deploy/") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if name, err := strconv.Unquote(lit.Value); err == nil && metric.MatchString(name) {
					out[name] = true
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, out)
	return out
}

// TestOnlyWhatIsMeasuredIsUsed: queries use only metrics that the program has. A renamed metric would
// leave an empty graph or an alert that never fires.
func TestOnlyWhatIsMeasuredIsUsed(t *testing.T) {
	t.Parallel()
	known := measured(t)
	for _, r := range rules(t) {
		if r.Record != "" {
			known[r.Record] = true
		}
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		known[f.GetName()] = true
	}
	for where, exprs := range queries(t) {
		for _, expr := range exprs {
			for _, name := range used.FindAllString(text.ReplaceAllString(expr, `""`), -1) {
				base := series.ReplaceAllString(name, "")
				assert.True(t, known[name] || known[base], "%s uses %s, which nothing measures", where, name)
			}
		}
	}
}

// TestAlertsHavePages: each alert has a summary of one sentence, and a link to its page in
// docs/operations.
func TestAlertsHavePages(t *testing.T) {
	t.Parallel()
	const pages = "docs/operations"
	index, err := os.ReadFile(filepath.Join(root, pages, "README.md"))
	require.NoError(t, err)
	alerts := map[string]bool{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alerts[r.Alert] = true
		assert.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
		assert.NotEmpty(t, r.For, r.Alert)
		for _, a := range []string{"summary", "description"} {
			assert.NotEmpty(t, r.Annotations[a], "%s: %s", r.Alert, a)
		}
		page := pages + "/" + r.Alert + ".md"
		assert.True(t, strings.HasSuffix(r.Annotations["runbook_url"], "/blob/main/"+page), r.Alert)
		raw, err := os.ReadFile(filepath.Join(root, page))
		require.NoError(t, err)
		for _, part := range []string{"# " + r.Alert + "\n", "\n## How to see it\n", "\n## What to do\n"} {
			assert.Contains(t, string(raw), part, page)
		}
		assert.Contains(t, string(index), "("+r.Alert+".md)")
	}
	files, err := filepath.Glob(filepath.Join(root, pages, "GoChat*.md"))
	require.NoError(t, err)
	for _, f := range files {
		assert.True(t, alerts[strings.TrimSuffix(filepath.Base(f), ".md")], "%s is of no alert", f)
	}
}

// TestAlertsAreTested: the tests for promtool make each alert fire.
func TestAlertsAreTested(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("tests/*_test.yaml")
	require.NoError(t, err)
	fires := map[string]bool{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var file struct {
			RuleFiles []string `yaml:"rule_files"`
			Tests     []struct {
				Alerts []struct {
					Name string `yaml:"alertname"`
					Exp  []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		require.NoError(t, yaml.Unmarshal(raw, &file), name)
		for _, one := range file.Tests {
			for _, a := range one.Alerts {
				fires[a.Name] = fires[a.Name] || len(a.Exp) > 0
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" {
			assert.True(t, fires[r.Alert], "no test makes %s fire; there are %v", r.Alert, slices.Sorted(maps.Keys(fires)))
		}
	}
}
