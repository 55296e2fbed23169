package main

import (
	"strings"
)

// board is a dashboard in the short form of this package.
type board struct {
	name, title, about string
	rows               []row
	// byRole adds variables to choose roles and instances.
	byRole bool
}

// row is a heading with the views below it.
type row struct {
	title string
	views []view
}

// view is a graph, or, with figure, a single value.
type view struct {
	title string
	// about says what the view shows, and which values are good.
	about   string
	unit    string
	queries []query
	figure  bool
	stacked bool
	log     bool
	// The thresholds of yellow and red: values above above are bad, or values below below.
	above, below []float64
	max          float64
}

// query is PromQL with the legend of its lines. @ in expr stands for the selector of the chosen servers.
type query struct{ expr, legend string }

var prometheus = datasource{Type: "prometheus", UID: "${datasource}"}

const (
	width      = 24
	graphRows  = 8
	figureRows = 4
	mostInLine = 3
)

// build returns a board in Grafana's form.
func build(b board) dashboard {
	d := dashboard{
		UID: "gochat-" + b.name, Title: "GoChat / " + b.title, Description: b.about, Tags: []string{"gochat"}, Editable: true, GraphTooltip: 1,
		SchemaVersion: 41, Timezone: "browser", Refresh: "30s", Time: span{From: "now-3h", To: "now"},
		Annotations: annotations{List: []annotation{{
			Name: "Versions", Datasource: prometheus, Enable: true, IconColor: "blue", Step: "60s", TitleFmt: "{{role}} {{version}}", TagKeys: "revision",
			Expr: b.choose(`count by (role, version, revision) (gochat_build_info{@}) unless count by (role, version, revision) (gochat_build_info{@} offset 1m)`),
		}}},
		Templating: templating{List: b.variables()},
		Links: []link{{
			Title: "GoChat", Type: "dashboards", Icon: "external link", Tags: []string{"gochat"}, AsDropdown: true, IncludeVars: true, KeepTime: true,
		}},
	}
	y := 0
	for _, r := range b.rows {
		open := false
		d.Panels = append(d.Panels, panel{
			ID: len(d.Panels) + 1, Type: "row", Title: r.title, GridPos: place{H: 1, W: width, Y: y}, Collapsed: &open, Panels: &[]panel{},
		})
		y++
		for line := r.views; len(line) > 0; {
			n := fitting(line)
			h := graphRows
			if line[0].figure {
				h = figureRows
			}
			for i, v := range line[:n] {
				p := b.panel(v)
				p.ID, p.GridPos = len(d.Panels)+1, place{H: h, W: width / n, X: i * (width / n), Y: y}
				d.Panels = append(d.Panels, p)
			}
			y, line = y+h, line[n:]
		}
	}
	return d
}

// fitting returns how many of the first views fit into one line: all consecutive figures, or up to
// three graphs.
func fitting(views []view) int {
	n := 1
	for n < len(views) && views[n].figure == views[0].figure && (views[0].figure || n < mostInLine) {
		n++
	}
	return n
}

func (b board) variables() []variable {
	const everything = ".*"
	list := []variable{
		{Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus", Refresh: 1},
		{
			Name: "job", Label: "Job", Type: "query", Query: "label_values(gochat_build_info, job)", Datasource: &prometheus,
			Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, AllValue: everything,
		},
	}
	if b.byRole {
		list = append(list, variable{
			Name: "role", Label: "Role", Type: "query", Query: `label_values(gochat_build_info{job=~"$job"}, role)`, Datasource: &prometheus,
			Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, AllValue: everything,
		}, variable{
			Name: "instance", Label: "Instance", Type: "query", Query: `label_values(gochat_build_info{job=~"$job",role=~"$role"}, instance)`,
			Datasource: &prometheus, Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, AllValue: everything,
		})
	}
	return list
}

// choose replaces @ in a query by the selector of the chosen servers.
func (b board) choose(expr string) string {
	chosen := `job=~"$job"`
	if b.byRole {
		chosen += `,role=~"$role",instance=~"$instance"`
	}
	return strings.ReplaceAll(expr, "@", chosen)
}

func (b board) panel(v view) panel {
	p := panel{Type: "timeseries", Title: v.title, Description: v.about, Datasource: &prometheus}
	f := field{Unit: v.unit}
	zero := 0.0
	f.Min = &zero
	if v.max > 0 {
		f.Max = &v.max
	}
	f.Thresholds = v.thresholds()
	if v.figure {
		p.Type = "stat"
		f.Color = &color{Mode: "thresholds"}
		wide, change := true, false
		p.Options = &options{
			ReduceOptions: &reduction{Calcs: []string{"lastNotNull"}}, ColorMode: "value", GraphMode: "area", TextMode: "auto",
			JustifyMode: "auto", Orientation: "auto", WideLayout: &wide, ShowChange: &change, ChangeColors: "standard",
		}
	} else {
		f.Color = &color{Mode: "palette-classic"}
		f.Custom = &custom{LineWidth: 1, FillOpacity: 8, ShowPoints: "never"}
		if v.stacked {
			f.Custom.Stacking, f.Custom.FillOpacity = &stacking{Mode: "normal", Group: "A"}, 40
		}
		if v.log {
			f.Custom.ScaleDistribution, f.Min = &scaleOfAxe{Type: "log", Log: 10}, nil
		}
		if len(v.above)+len(v.below) > 0 {
			f.Custom.ThresholdsStyle = &styleOf{Mode: "dashed"}
		}
		p.Options = &options{
			Legend:  &legend{ShowLegend: true, DisplayMode: "table", Placement: "bottom", Calcs: []string{"mean", "max", "lastNotNull"}},
			Tooltip: &tooltip{Mode: "multi", Sort: "desc"},
		}
	}
	p.FieldConfig = &fieldConfig{Defaults: f, Overrides: []struct{}{}}
	for i, q := range v.queries {
		p.Targets = append(p.Targets, target{
			RefID: string(rune('A' + i)), Datasource: prometheus, Expr: b.choose(q.expr), LegendFormat: q.legend,
		})
	}
	return p
}

func (v view) thresholds() *thresholds {
	const green, yellow, red = "green", "yellow", "red"
	t := &thresholds{Mode: "absolute", Steps: []step{{Color: green}}}
	switch {
	case len(v.above) == 2:
		t.Steps = append(t.Steps, step{yellow, &v.above[0]}, step{red, &v.above[1]})
	case len(v.below) == 2:
		t.Steps = []step{{Color: red}, {yellow, &v.below[1]}, {green, &v.below[0]}}
	}
	return t
}
