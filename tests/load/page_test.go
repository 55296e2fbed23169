package load

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestThePageIsWhole: the page loads nothing from elsewhere, is well formed, and has all plots.
func TestThePageIsWhole(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for of, has := range map[string]struct{ lines, bars int }{
		"pairs": {3, 3}, "groups": {3, 3}, "reconnect": {6, 3}, "history": {3, 3}, "sync": {3, 3}, "idle": {1, 3},
	} {
		for runs := 1; runs <= 3; runs += 2 {
			r := &Results{}
			for range runs {
				r.Runs = append(r.Runs, full(of))
			}
			var b strings.Builder
			require.NoError(t, r.WriteHTML(&b, made), of)
			text := b.String()
			assert.Equal(t, has.lines*runs, strings.Count(text, "<path "), "lines of %s", of)
			assert.Equal(t, has.bars, strings.Count(text, "<rect "), "bars of %s", of)
			assert.Equal(t, runs > 1, strings.Contains(text, "<th>run 1</th>"), of)
			assert.NotRegexp(t, regexp.MustCompile(`<script|src=|href=|url\(|@import`), text)
			for _, s := range []string{"2026-11-30 12:00 UTC", "prefers-color-scheme: dark", "Note: a note.", r.Runs[0].headline()} {
				assert.Contains(t, text, s, of)
			}
			assert.NotContains(t, text, "NaN")
			wellFormed(t, text)
		}
	}
	assert.Error(t, (&Results{}).WriteHTML(io.Discard, made))
}

// wellFormed parses a page as XML; the template is written so that it is XML, too.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

// TestNamesAreEscaped: a process may be called anything.
func TestNamesAreEscaped(t *testing.T) {
	t.Parallel()
	r := full("pairs")
	r.Processes[0].Name = "<script>alert(1)</script>"
	var b strings.Builder
	require.NoError(t, (&Results{Runs: []*Report{r}}).WriteHTML(&b, time.Now()))
	assert.NotContains(t, b.String(), "<script")
}

func TestMarksAreRound(t *testing.T) {
	t.Parallel()
	for most, want := range map[float64]string{
		1: "0 0.2 0.4 0.6 0.8 1", 7: "0 2 4 6 8", 10: "0 2 4 6 8 10", 43: "0 10 20 30 40 50",
		0.03: "0 0.01 0.02 0.03", 1_812_250: "0 500k 1000k 1500k 2000k", 30_340: "0 10k 20k 30k 40k",
	} {
		var got []string
		for _, m := range marks(most) {
			got = append(got, m.Text)
		}
		assert.Equal(t, want, strings.Join(got, " "), "%v", most)
	}
}

func TestPlotsStayWithin(t *testing.T) {
	t.Parallel()
	assert.Nil(t, newPlot("t", "x", "y", nil, nil), "nothing is no plot")
	assert.Nil(t, newPlot("t", "x", "y", []curve{{"a", []xy{{0, 0}}}}, nil))
	p := newPlot("t", "x", "y", []curve{{"a", []xy{{0, 0}, {10, 100}}}, {"b", []xy{{5, 50}}}, {"a", []xy{{1, 1}}}}, nil)
	require.NotNil(t, p)
	assert.Equal(t, "M64.0 256.0L616.0 12.0", p.Lines[0].Path)
	assert.Equal(t, []legend{{0, "a"}, {1, "b"}}, p.Legend)
	assert.Equal(t, p.Lines[0].Color, p.Lines[2].Color, "runs of one name have one color")
}
