// Package links_test checks the documents: the targets of their links exist, and their diffs apply.
package links_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	fence   = regexp.MustCompile("(?s)```.*?```")
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors of a document's headings, as GitHub and others make them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := dropped.ReplaceAllString(strings.ToLower(m[1]), "")
		out[strings.ReplaceAll(name, " ", "-")] = true
	}
	return out
}

// broken lists the links of a document whose targets do not exist.
func broken(t *testing.T, file string) (wrong []string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	text := fence.ReplaceAllString(string(raw), "")
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
			continue
		}
		path, anchor, _ := strings.Cut(m[1], "#")
		to := file
		if path != "" {
			to = filepath.Join(filepath.Dir(file), path)
		}
		info, err := os.Stat(to)
		if err != nil {
			wrong = append(wrong, m[1])
			continue
		}
		if anchor == "" || info.IsDir() || filepath.Ext(to) != ".md" {
			continue
		}
		there, err := os.ReadFile(to)
		require.NoError(t, err)
		if !anchors(fence.ReplaceAllString(string(there), ""))[anchor] {
			wrong = append(wrong, m[1])
		}
	}
	return wrong
}

func TestLinksOfDocumentsLeadSomewhere(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".md":
			seen++
			assert.Empty(t, broken(t, path), path)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, seen, 10)
}

func TestBrokenLinksAreFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.md")
	text := "# One thing: two\n[a](#one-thing-two) [b](#three) [c](none.md#x) [d](a.md) [e](https://example.org/x)\n```\n[f](g)\n```\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	assert.Equal(t, []string{"#three", "none.md#x"}, broken(t, file))
}
