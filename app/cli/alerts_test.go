package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	// growth matches rate and increase of a counter in a rule.
	growth  = regexp.MustCompile(`\b(?:rate|increase)\((gochat_\w+)(?:\{([^}]*)\})?\[`)
	matcher = regexp.MustCompile(`(\w+)(=~|=)"([^"]*)"`)
	word    = regexp.MustCompile(`^\w+$`)
)

// beginLater lists counters that a new process need not export yet, with the reason.
var beginLater = map[string]string{
	"gochat_gateway_http_request_seconds_count": "routes times statuses are too many to make; of each the first failure alone is not counted",
	"gochat_repo_replica_reads_total":           "there is no replica",
}

// TestAlertsSeeTheFirstEvent: rate and increase do not count the first event of a series that begins with
// it. So each counter of which a rule takes them must be exported from the start, at 0.
func TestAlertsSeeTheFirstEvent(t *testing.T) {
	page := metricsOfNewProcess(t)
	files, err := filepath.Glob("../../deploy/monitoring/rules/*.yaml")
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range growth.FindAllStringSubmatch(string(text), -1) {
			name, labels := found[1], found[2]
			asked[name] = true
			if beginLater[name] != "" {
				continue
			}
			for _, want := range wantedSeries(name, labels) {
				assert.Regexp(t, "(?m)"+want, page, "%s: no series is like %s{%s} at the start", filepath.Base(file), name, labels)
			}
		}
	}
	require.NotEmpty(t, asked)
	for name := range beginLater {
		assert.True(t, asked[name], "no rule asks for %s", name)
	}
}

// wantedSeries returns patterns of the lines of a metric, one for each label value that a rule names.
func wantedSeries(name, labels string) (all []string) {
	for _, m := range matcher.FindAllStringSubmatch(labels, -1) {
		for value := range strings.SplitSeq(m[3], "|") {
			if word.MatchString(value) {
				all = append(all, "^"+name+`\{[^}]*\b`+m[1]+`="`+value+`"`)
			}
		}
	}
	if all == nil {
		all = []string{"^" + name + `[{ ]`}
	}
	return all
}

func metricsOfNewProcess(t *testing.T) string {
	t.Helper()
	b := boot(t, "--data-dir", filepath.Join(t.TempDir(), "data"), "--gateway-listen", "127.0.0.1:0")
	b.waitFor(t, "open  http://")
	_, after, _ := strings.Cut(b.stdout.String(), "open  ")
	base, _, _ := strings.Cut(after, "\n")
	resp, err := http.Get(base + "/metrics") //nolint:noctx // a test
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}
