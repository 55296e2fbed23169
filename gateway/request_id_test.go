package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRequestsHaveTheirCallersName: as long as the log can take it.
func TestRequestsHaveTheirCallersName(t *testing.T) {
	t.Parallel()
	h := start(t)
	for name, c := range map[string]struct {
		given string
		taken bool
	}{
		"a UUID": {"0b0f8b2e-5d1c-4b8e-9c55-1d6d2f8e8a01", true}, "none": {"", false},
		"the longest": {strings.Repeat("a", 64), true}, "too long": {strings.Repeat("a", 65), false},
		"forges a field": {`a","level":"error`, false},
	} {
		r := h.from("", "GET", "/healthz", http.Header{"X-Request-Id": {c.given}})
		want := r.header.Get("X-Trace-Id")
		if c.taken {
			want = c.given
		}
		require.Equal(t, want, r.header.Get("X-Request-Id"), name)
	}
}
