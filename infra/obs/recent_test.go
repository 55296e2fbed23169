package obs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/obs"
)

// TestRecentLinesTellNothingOfPeople: names, tokens, contents and errors' texts stay in the log.
func TestRecentLinesTellNothingOfPeople(t *testing.T) {
	recent := obs.NewRecent()
	log := zap.New(recent).With(zap.String("user", "ada"), zap.String("topic", "im-upstream-topic"))
	log.Info("no warning")
	log.Warn("a dependency is down", zap.String("dependency", "database"), zap.String("token", "s3cret"), zap.String("content", "dear Bob"),
		zap.Error(errors.New("Duplicate entry 'ada'")), zap.Any("reason", map[string]string{"content": "dear Bob"}))
	log.Error(strings.Repeat("é", 1000), zap.String("reason", strings.Repeat("x", 1000)))
	lines := recent.Lines()
	require.Len(t, lines, 2)
	assert.Equal(t, "error", lines[0].Level, "the newest is first")
	assert.Less(t, len(lines[0].Message)+len(lines[0].Fields["reason"]), 500)
	assert.Equal(t, map[string]string{"dependency": "database", "topic": "im-upstream-topic"}, lines[1].Fields)
	said := fmt.Sprint(lines)
	for _, secret := range []string{"ada", "s3cret", "dear Bob"} {
		assert.NotContains(t, said, secret)
	}
}

// TestRecentLinesAreBounded: equal lines are one, and the oldest go.
func TestRecentLinesAreBounded(t *testing.T) {
	recent := obs.NewRecent()
	log := zap.New(recent)
	for range 1000 {
		log.Warn("again")
	}
	for i := range 200 {
		log.Warn("a line", zap.String("topic", fmt.Sprint(i)))
		log.Warn("again")
	}
	lines := recent.Lines()
	require.Len(t, lines, 50)
	assert.Equal(t, "again", lines[0].Message)
	assert.Equal(t, 1200, lines[0].Count)
	assert.Equal(t, "199", lines[1].Fields["topic"])
}
