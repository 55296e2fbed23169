package links_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var diffBlock = regexp.MustCompile("(?s)```diff\n(.*?)```")

// TestDiffsApply: the diffs on the pages of docs/contributing apply to the code by the command that the pages print.
func TestDiffsApply(t *testing.T) {
	pages, err := filepath.Glob(root + "/docs/contributing/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		found := diffBlock.FindAllStringSubmatch(string(text), -1)
		assert.NotEmpty(t, found, "%s shows no diff", page)
		for _, diff := range found {
			cmd := exec.CommandContext(t.Context(), "git", "apply", "--check", "-")
			cmd.Dir, cmd.Stdin = root, strings.NewReader(diff[1])
			said, err := cmd.CombinedOutput()
			assert.NoError(t, err, "the example of %s does not apply any more, because a change stands at the same place: its last paragraph says how to make it anew: %s", page, said)
		}
	}
}

var (
	diffFile    = regexp.MustCompile(`(?m)^\+\+\+ b/(.+)$`)
	saidCount   = regexp.MustCompile(`\*\*(\w+) files`)
	listedCount = regexp.MustCompile(`\(docs/contributing/(\w+\.md)\) \|[^|]* (\w+) files`)
	words       = []string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
)

// generatedPage is a generated page that a diff may still change.
const generatedPage = "docs/settings.md"

// TestCountsAreTrue: the number of files that a page states for its example is the number of files in its diff, and
// CONTRIBUTING.md states the same number.
func TestCountsAreTrue(t *testing.T) {
	pages, err := filepath.Glob(root + "/docs/contributing/*.md")
	require.NoError(t, err)
	counts := map[string]string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		said := saidCount.FindStringSubmatch(string(text))
		require.NotNil(t, said, "%s does not say how many files there are", page)
		files := 0
		for _, diff := range diffBlock.FindAllStringSubmatch(string(text), -1) {
			for _, m := range diffFile.FindAllStringSubmatch(diff[1], -1) {
				if m[1] != generatedPage {
					files++
				}
			}
		}
		counts[filepath.Base(page)] = strings.ToLower(said[1])
		require.Less(t, files, len(words), page)
		assert.Equal(t, words[files], strings.ToLower(said[1]), page)
	}
	text, err := os.ReadFile(root + "/CONTRIBUTING.md")
	require.NoError(t, err)
	for _, m := range listedCount.FindAllStringSubmatch(string(text), -1) {
		assert.Equal(t, counts[m[1]], m[2], m[1])
	}
}
