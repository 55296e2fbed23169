package cluster_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/tests/chaos"
)

// judge reads the histories, fails the test for every violation, and returns the number
// of messages.
func (w *town) judge(t *testing.T) int {
	t.Helper()
	logs, truth, wrong, err := chaos.Observe(t.Context(), w.people)
	require.NoError(t, err)
	require.Positive(t, truth.Messages())
	violations := append(wrong, chaos.Judge(logs, truth)...)
	if w.countsSystem {
		violations = slices.DeleteFunc(violations, func(v chaos.Violation) bool {
			return v.Promise == chaos.ExactUnread && strings.Contains(v.Evidence, " in group_")
		})
	}
	for _, v := range violations[:min(20, len(violations))] {
		t.Error(v)
	}
	require.Empty(t, len(violations), "violations")
	return truth.Messages()
}
