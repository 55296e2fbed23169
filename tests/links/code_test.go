package links_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	codeBlock = regexp.MustCompile("(?s)```go\n(.*?)```")
	blanks    = regexp.MustCompile(`\s+`)
)

// TestCodeOfThePagesIsCompiled: each block of Go that a page shows stands in a file of Go, so that the compiler reads it.
func TestCodeOfThePagesIsCompiled(t *testing.T) {
	var code strings.Builder
	examples, err := filepath.Glob(root + "/app/example*_test.go")
	require.NoError(t, err)
	for _, file := range examples {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		code.WriteString(blanks.ReplaceAllString(string(text), " "))
	}
	pages, err := filepath.Glob(root + "/docs/*.md")
	require.NoError(t, err)
	shown := 0
	for _, page := range append(pages, root+"/README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range codeBlock.FindAllStringSubmatch(string(text), -1) {
			shown++
			assert.Contains(t, code.String(), strings.TrimSpace(blanks.ReplaceAllString(block[1], " ")), "code that %s shows is in no file of app/example*_test.go", page)
		}
	}
	assert.NotZero(t, shown, "no page shows code")
}
