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
