package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dir = "../dashboards"

// TestDashboardsAreOfTheirTables: the files in dashboards are the output of this program.
func TestDashboardsAreOfTheirTables(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, b := range boards {
		names[b.name+".json"] = true
		want, err := render(b)
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join(dir, b.name+".json"))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, have), "%s.json is not up to date: go run ./deploy/monitoring/make", b.name)
	}
	files, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	for _, f := range files {
		assert.True(t, names[filepath.Base(f)], "%s is of no table", f)
	}
}

// TestDashboardsAreTidy: dashboards have no unknown fields, their panels do not overlap, and each
// panel has a unit and a description.
func TestDashboardsAreTidy(t *testing.T) {
	t.Parallel()
	uids, titles := map[string]bool{}, map[string]bool{}
	for _, b := range boards {
		raw, err := os.ReadFile(filepath.Join(dir, b.name+".json"))
		require.NoError(t, err)
		strict := json.NewDecoder(bytes.NewReader(raw))
		strict.DisallowUnknownFields()
		var d dashboard
		require.NoError(t, strict.Decode(&d), b.name)
		assert.False(t, uids[d.UID] || titles[d.Title], b.name)
		uids[d.UID], titles[d.Title] = true, true
		assert.NotEmpty(t, d.Description, b.name)
		require.NotEmpty(t, d.Templating.List, b.name)
		assert.Equal(t, "datasource", d.Templating.List[0].Type, b.name)
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			assert.False(t, ids[p.ID], "%s: two panels %d", b.name, p.ID)
			ids[p.ID] = true
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					assert.Empty(t, taken[at], "%s: %s is on top of", b.name, p.Title)
					taken[at] = p.Title
					assert.Less(t, at[0], width, p.Title)
				}
			}
			if p.Type == "row" {
				continue
			}
			assert.NotEmpty(t, p.Targets, "%s: %s", b.name, p.Title)
			assert.NotEmpty(t, p.FieldConfig.Defaults.Unit, "%s: %s has no unit", b.name, p.Title)
			assert.Regexp(t, `[.]$`, p.Description, "%s: %s says nothing of itself", b.name, p.Title)
			for _, q := range p.Targets {
				assert.Equal(t, prometheus, q.Datasource, p.Title)
				assert.NotContains(t, q.Expr, "@", p.Title)
				assert.NotEmpty(t, q.LegendFormat, "%s: %s", b.name, p.Title)
			}
		}
	}
}
