package repo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/health"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/memory"
)

// unwell is a program's own cache, with a Health method.
type unwell struct {
	cache.Cache
	err error
}

func (u unwell) Health(context.Context) error { return u.err }

// listening is a program's own session registry, with a Witness method.
type listening struct {
	cache.Sessions
	live func() []string
}

func (l *listening) Witness(live func() []string) { l.live = live }

// TestAGivenCache: the program's own cache is used instead of the configured one, and its optional
// methods are called.
func TestAGivenCache(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	sessions := &listening{Sessions: memory.NewSessions(time.Now)}
	cfg := config(t.TempDir())
	cfg.KV.Addrs = []string{"127.0.0.1:1"} // nobody is there, and nobody looks
	cfg.Cache, cfg.Sessions = unwell{memory.New(memory.Config{Bytes: 1 << 20}), away}, sessions
	cfg.Gateways = func() []string { return []string{"gw-1"} }
	r := open(t, cfg)
	err := r.Health(t.Context())["cache"]
	require.ErrorIs(t, err, away)
	require.ErrorIs(t, err, health.ErrDegraded)
	assert.Equal(t, []string{"gw-1"}, sessions.live())

	half := config(t.TempDir())
	half.Sessions = sessions
	_, err = repo.Open(t.Context(), half, zap.NewNop())
	require.ErrorContains(t, err, "one is missing")
}
