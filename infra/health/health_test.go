package health_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gochat/gochat/infra/health"
)

func TestSummarize(t *testing.T) {
	away := errors.New("connection refused")
	for name, c := range map[string]struct {
		hard, soft error
		want       health.State
	}{
		"all is well":        {nil, nil, health.State{Status: "ok", Checks: map[string]string{"hard": "ok", "soft": "ok"}}},
		"goes on without it": {nil, away, health.State{Status: "degraded", Checks: map[string]string{"hard": "ok", "soft": "degraded"}}},
		"cannot go on":       {away, nil, health.State{Status: "down", Checks: map[string]string{"hard": "down", "soft": "ok"}}},
		"neither answers":    {away, away, health.State{Status: "down", Checks: map[string]string{"hard": "down", "soft": "degraded"}}},
	} {
		t.Run(name, func(t *testing.T) {
			checks := health.New(time.Second)
			checks.Add("hard", func(context.Context) error { return c.hard })
			checks.AddSoft("soft", func(context.Context) error { return c.soft })
			checks.AddGroup(func(context.Context) map[string]error { return map[string]error{"one": nil, "other": nil} })
			c.want.Checks["one"], c.want.Checks["other"] = health.WordOK, health.WordOK
			assert.Equal(t, c.want, health.Summarize(checks.Run(t.Context())))
		})
	}
}

func TestACheckThatHangsIsDown(t *testing.T) {
	checks := health.New(time.Millisecond)
	checks.Add("hung", func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	require.ErrorIs(t, checks.Run(t.Context())["hung"], context.DeadlineExceeded)
}
