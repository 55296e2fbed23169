package load

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is the data of the template page.html.
type page struct {
	Headline string
	Made     string
	Runs     int
	RunNames []string
	Notes    []string
	Plots    []*plot
	Bars     []*bars
	Rows     []row
}

// row is one figure of the table: its median and its value in each run.
type row struct {
	Name, Unit      string
	Median          string
	Lowest, Highest string
	Spread          string
	Values          []string
}

// WriteHTML writes all runs as one HTML page without scripts and without other files; made is the time that it shows.
func (r *Results) WriteHTML(w io.Writer, made time.Time) error {
	if len(r.Runs) == 0 {
		return errors.New("write the page: there is no run")
	}
	medians := r.Medians()
	p := page{Headline: r.Runs[0].headline(), Made: made.Format("2006-01-02 15:04 MST"), Runs: len(r.Runs), Notes: r.Runs[0].Notes}
	for i := range r.Runs {
		p.RunNames = append(p.RunNames, fmt.Sprintf("run %d", i+1))
	}
	for _, drawn := range []*plot{r.latencyPlot(), r.timePlot()} {
		if drawn != nil {
			p.Plots = append(p.Plots, drawn)
		}
	}
	for _, drawn := range []*bars{newBars("CPU by process", "CPU of ", medians), newBars("Written to disks by process", "written by ", medians)} {
		if drawn != nil {
			p.Bars = append(p.Bars, drawn)
		}
	}
	for _, m := range medians {
		one := row{Name: m.Name, Unit: m.Unit, Median: number(m.Median), Lowest: number(m.Lowest), Highest: number(m.Highest), Spread: fmt.Sprintf("%.0f %%", m.Spread)}
		for _, run := range r.Runs {
			one.Values = append(one.Values, run.value(m.Name, m.Unit))
		}
		p.Rows = append(p.Rows, one)
	}
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// value returns a figure of the run as text; "–": the run has none.
func (r *Report) value(name, unit string) string {
	for _, f := range r.figures() {
		if f.Name == name && f.Unit == unit {
			return number(f.Value)
		}
	}
	return "–"
}

// latencyPlot draws the latency by percentile. The axis is stretched towards 100 %, where the slow values are.
func (r *Results) latencyPlot() *plot {
	var curves []curve
	for _, run := range r.Runs {
		for _, l := range run.latencies() {
			c := curve{name: l.name}
			for _, q := range l.Curve {
				c.points = append(c.points, xy{nines(q.Percent), q.Millis})
			}
			curves = append(curves, c)
		}
	}
	ticks := []tick{{0, "0 %"}}
	for _, percent := range []float64{50, 75, 90, 99, 99.9, 99.99, 99.999} {
		ticks = append(ticks, tick{nines(percent), fmt.Sprintf("%v %%", percent)})
	}
	return newPlot("Latency", "of everything took at most", "ms", curves, ticks)
}

// timePlot draws the throughput a second over the time of each run.
func (r *Results) timePlot() *plot {
	var curves []curve
	for _, run := range r.Runs {
		for _, s := range run.Timeline {
			c := curve{name: s.Name}
			for _, p := range s.Points {
				c.points = append(c.points, xy{p.Seconds, p.PerSecond})
			}
			curves = append(curves, c)
		}
	}
	return newPlot("Throughput", "seconds", "a second", curves, nil)
}
