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

// TestDiffsApply: whoever follows a page of docs/contributing begins with a diff that fits the code. One
// line around each change has to be as it was; where it is not, make the page's diff anew.
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
			cmd := exec.CommandContext(t.Context(), "git", "apply", "--check", "-C1", "-")
			cmd.Dir, cmd.Stdin = root, strings.NewReader(diff[1])
			said, err := cmd.CombinedOutput()
			assert.NoError(t, err, "the diff of %s does not apply: %s", page, said)
		}
	}
}

var (
	diffFile    = regexp.MustCompile(`(?m)^\+\+\+ b/(.+)$`)
	saidCount   = regexp.MustCompile(`\*\*(\w+) files`)
	listedCount = regexp.MustCompile(`\(docs/contributing/(\w+\.md)\) \|[^|]* (\w+) files`)
	words       = []string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
)

// generatedPage is a page that a diff may show, though a program writes it.
const generatedPage = "docs/settings.md"

// TestCountsAreTrue: a page that says how many files its example takes has as many in its diff; and
// where CONTRIBUTING.md says it as well, it says the same.
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
