package load

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The size of a plot and of its margins, in the units of its SVG.
const (
	plotWidth, plotHeight                         = 640, 300
	marginLeft, marginRight, marginTop, marginLow = 64, 24, 12, 44
	barHeight, barGap, barLabel, barValue         = 22, 8, 160, 170
	// colors is the number of line colors in the style of page.html.
	colors = 6
)

// xy is a point of a curve, in the units of the measured values.
type xy struct{ x, y float64 }

// curve is one line of a plot before it is scaled.
type curve struct {
	name   string
	points []xy
}

// plot is a drawing with lines, scaled for the page's template.
type plot struct {
	Title, X, Y    string
	Width, Height  int
	Left, Right    float64
	Top, Low       float64
	XTicks, YTicks []tick
	Lines          []line
	Legend         []legend
}

// tick is a mark at an axis.
type tick struct {
	At   float64
	Text string
}

// line is an SVG path; the curves of all runs with the same name have the same color.
type line struct {
	Color int
	Path  string
}

type legend struct {
	Color int
	Name  string
}

// newPlot scales curves from 0 to the largest value; nil: there are no values. xTicks are the marks of the x axis; nil
// makes marks at round numbers.
func newPlot(title, x, y string, curves []curve, xTicks []tick) *plot {
	var most xy
	for _, c := range curves {
		for _, p := range c.points {
			most.x, most.y = max(most.x, p.x), max(most.y, p.y)
		}
	}
	if most.x == 0 || most.y == 0 {
		return nil
	}
	p := &plot{
		Title: title, X: x, Y: y, Width: plotWidth, Height: plotHeight,
		Left: marginLeft, Right: plotWidth - marginRight, Top: marginTop, Low: plotHeight - marginLow,
	}
	if xTicks == nil {
		xTicks = marks(most.x)
	}
	yTicks := marks(most.y)
	most.y = max(most.y, yTicks[len(yTicks)-1].At)
	across := func(v float64) float64 { return p.Left + (p.Right-p.Left)*v/most.x }
	up := func(v float64) float64 { return p.Low - (p.Low-p.Top)*v/most.y }
	for _, t := range xTicks {
		if t.At <= most.x {
			p.XTicks = append(p.XTicks, tick{across(t.At), t.Text})
		}
	}
	for _, t := range yTicks {
		p.YTicks = append(p.YTicks, tick{up(t.At), t.Text})
	}
	for _, c := range curves {
		var b strings.Builder
		for i, one := range c.points {
			letter := 'L'
			if i == 0 {
				letter = 'M'
			}
			fmt.Fprintf(&b, "%c%.1f %.1f", letter, across(one.x), up(one.y))
		}
		p.Lines = append(p.Lines, line{Color: p.color(c.name), Path: b.String()})
	}
	return p
}

// color returns the color of a name, and adds a new name to the legend.
func (p *plot) color(name string) int {
	i := slices.IndexFunc(p.Legend, func(l legend) bool { return l.Name == name })
	if i < 0 {
		i = len(p.Legend)
		p.Legend = append(p.Legend, legend{Color: i % colors, Name: name})
	}
	return p.Legend[i].Color
}

// marks returns marks at round numbers from 0 on; the last one is at or above most.
func marks(most float64) []tick {
	const about = 5
	size := math.Pow(10, math.Floor(math.Log10(most/about)))
	for _, f := range []float64{1, 2, 5, 10} {
		if most/(size*f) <= about {
			size *= f
			break
		}
	}
	var out []tick
	for i := 0; ; i++ {
		v := float64(i) * size
		out = append(out, tick{v, short(v)})
		if v >= most {
			return out
		}
	}
}

// short formats a mark's number, with k for thousands from 10,000 on.
func short(v float64) string {
	if v >= 10_000 {
		return strconv.FormatFloat(math.Round(v/100)/10, 'f', -1, 64) + "k"
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

// bars is a bar chart of the costs of processes.
type bars struct {
	Title         string
	Width, Height int
	Rows          []bar
}

type bar struct {
	Name, Value                   string
	X, Y, Length, Height, ValueAt float64
	NameAt, Middle                float64
}

// newBars draws a bar for each median whose name begins with prefix; nil: there is none.
func newBars(title, prefix string, list []Median) *bars {
	b := &bars{Title: title, Width: plotWidth}
	most := 0.0
	for _, m := range list {
		if strings.HasPrefix(m.Name, prefix) {
			most = max(most, m.Median)
		}
	}
	for _, m := range list {
		name, of := strings.CutPrefix(m.Name, prefix)
		if !of || most == 0 {
			continue
		}
		y, length := float64(b.Height), (plotWidth-barLabel-barValue)*m.Median/most
		b.Rows = append(b.Rows, bar{
			Name: name, Value: number(m.Median) + " " + m.Unit, X: barLabel, Y: y, Length: length, Height: barHeight,
			ValueAt: barLabel + length + barGap, NameAt: barLabel - barGap, Middle: y + barHeight/2,
		})
		b.Height += barHeight + barGap
	}
	if b.Rows == nil {
		return nil
	}
	return b
}
