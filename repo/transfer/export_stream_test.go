package transfer

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExportStream(t *testing.T) {
	t.Parallel()
	d := migrated(t, embedded(t))
	fill(t, d, 2)
	var out strings.Builder
	m, err := ExportStream(t.Context(), d, &out, "test", quiet)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Len(t, lines, int(m.Rows())+1)
	assert.True(t, strings.HasPrefix(lines[0], `{"table":"users","row":{"user_id":"1152921504606846976",`), lines[0])
	assert.True(t, strings.HasPrefix(lines[len(lines)-1], `{"manifest":{"format":"gochat-export"`), lines[len(lines)-1])
	_, err = ExportStream(t.Context(), d, failing{}, "test", quiet)
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
