package app_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/handlers/auth"
	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
	"github.com/gochat/gochat/repo/cache"
	"github.com/gochat/gochat/repo/cache/memory"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/tests/client"
)

func TestEmbeddedWithoutOptions(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	at, stop := embed(t, cfg)
	talk(t, at, nil)
	assert.Contains(t, figures(t, at), "gochat_janitor_leads", "every role is there")
	stop()
	assert.FileExists(t, filepath.Join(cfg.DataDir, "gochat.db"))
}

func TestEmbeddedWithALogger(t *testing.T) {
	t.Parallel()
	core, seen := observer.New(zap.DebugLevel)
	cfg := config(t)
	cfg.Log.Level = "info"
	at, stop := embed(t, cfg, app.WithLogger(zap.New(core)))
	talk(t, at, nil)
	stop()
	assert.NotEmpty(t, seen.FilterMessageSnippet("stopping").All(), "what is told goes to the program's log")
	assert.Empty(t, seen.FilterLevelExact(zap.DebugLevel).All(), "and log.level holds")
}

// counted is a transport that counts the records that are published to the pipeline.
type counted struct {
	mq.Transport
	sends  atomic.Int64
	closed atomic.Bool
}

func (c *counted) Publisher() message.Publisher { return counting{c.Transport.Publisher(), c} }

func (c *counted) Close() error {
	c.closed.Store(true)
	return c.Transport.Close()
}

type counting struct {
	message.Publisher
	of *counted
}

func (c counting) Publish(topic string, messages ...*message.Message) error {
	if topic == contracts.TopicUpstream {
		c.of.sends.Add(int64(len(messages)))
	}
	return c.Publisher.Publish(topic, messages...)
}

func TestEmbeddedWithATransport(t *testing.T) {
	t.Parallel()
	queue, err := channel.Open(zap.NewNop())
	require.NoError(t, err)
	mine := &counted{Transport: queue}
	cfg := config(t)
	cfg.MQ.Driver = "is not looked at"
	at, stop := embed(t, cfg, app.WithTransport(mine))
	talk(t, at, nil)
	stop()
	assert.Positive(t, mine.sends.Load(), "sends go through it")
	assert.True(t, mine.closed.Load(), "it is closed in the end")
	_, err = os.Stat(filepath.Join(cfg.DataDir, app.QueueDir))
	require.ErrorIs(t, err, os.ErrNotExist, "there is no other queue")
}

// followed is a cache that counts the stored messages that it is told of.
type followed struct {
	cache.Cache
	messages atomic.Int64
}

func (f *followed) Follow(ctx context.Context, done []store.Committed) error {
	f.messages.Add(int64(len(done)))
	return f.Cache.Follow(ctx, done)
}

// seated is a session registry that counts the sessions put into it.
type seated struct {
	cache.Sessions
	puts atomic.Int64
}

func (s *seated) Put(ctx context.Context, sessions []cache.Session) error {
	s.puts.Add(int64(len(sessions)))
	return s.Sessions.Put(ctx, sessions)
}

func TestEmbeddedWithACache(t *testing.T) {
	t.Parallel()
	kept := &followed{Cache: memory.New(memory.Config{Bytes: 16 << 20})}
	sessions := &seated{Sessions: memory.NewSessions(time.Now)}
	at, _ := embed(t, config(t), app.WithCache(kept, sessions))
	talk(t, at, nil)
	assert.Positive(t, kept.messages.Load())
	assert.Positive(t, sessions.puts.Load())
}

// badges is a Verifier of tokens "badge-USER", which the test makes. It refuses the tokens that GoChat issues.
type badges struct{}

func (badges) Verify(_ context.Context, token string) (auth.Identity, error) {
	id, is := strings.CutPrefix(token, "badge-")
	user, err := strconv.ParseInt(id, 10, 64)
	if !is || err != nil {
		return auth.Identity{}, errors.New("not a badge")
	}
	return auth.Identity{User: contracts.UserID(user), TokenID: token, Issued: time.Now(), Expires: time.Now().Add(time.Hour)}, nil
}

func TestEmbeddedWithAVerifier(t *testing.T) {
	t.Parallel()
	at, _ := embed(t, config(t), app.WithVerifier(badges{}))
	talk(t, at, func(userID string) string { return "badge-" + userID })
	cyd, err := at.Register(t.Context(), "cyd", "password")
	require.NoError(t, err)
	var refused *client.Error
	require.ErrorAs(t, cyd.Call(t.Context(), http.MethodGet, "/api/conversations", nil, nil), &refused, "it is GoChat's own token")
	assert.Equal(t, http.StatusUnauthorized, refused.Status)
}

func TestEmbeddedWithSomeRoles(t *testing.T) {
	t.Parallel()
	cfg := config(t) // without all roles, token keys and a shared cache must be given
	cfg.Auth.Keys, cfg.Auth.ActiveKey = map[string]string{"k1": strings.Repeat("k", 32)}, "k1"
	at, stop := embed(t, cfg, app.WithRoles(app.RoleGateway, app.RoleRepo, app.RoleLogic, app.RoleMessage, app.RoleFanout),
		app.WithCache(memory.New(memory.Config{Bytes: 16 << 20}), memory.NewSessions(time.Now)))
	talk(t, at, nil)
	assert.NotContains(t, figures(t, at), "gochat_janitor_leads", "there is no janitor")
	stop()
	assert.NoFileExists(t, filepath.Join(cfg.DataDir, "secrets.json"), "the keys were given")
}

// TestWhatCannotBeEmbedded: New refuses roles and settings that cannot work, and changes nothing on the disk.
func TestWhatCannotBeEmbedded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opt  app.Option
		want string
	}{
		"a role that is not there":      {app.WithRoles("gateway", "dance"), `"dance"`},
		"a role that nobody else has":   {app.WithRoles(app.RoleGateway), "registry.endpoints"},
		"no role":                       {app.WithRoles(), "there is no role"},
		"a setting that makes no sense": {func(*app.App) {}, "gateway.ping_interval"},
	} {
		cfg := config(t)
		if strings.HasPrefix(c.want, "gateway.") {
			cfg.Gateway.PingInterval = -1
		}
		_, err := app.New(cfg, c.opt)
		require.ErrorContains(t, err, c.want, name)
		left, err := os.ReadDir(cfg.DataDir)
		require.NoError(t, err)
		assert.Empty(t, left, name)
	}
}

// TestRunSaysWhyItDidNotStart: when the start fails, Run returns the reason and Ready stays open.
func TestRunSaysWhyItDidNotStart(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	held, err := app.OpenDataDir(cfg.DataDir)
	require.NoError(t, err)
	defer func() { assert.NoError(t, held.Close()) }()
	a, err := app.New(cfg, app.WithLogger(zap.NewNop()))
	require.NoError(t, err)
	require.ErrorIs(t, a.Run(t.Context()), app.ErrInUse)
	select {
	case <-a.Ready():
		t.Error("it is ready")
	default:
	}
	assert.Nil(t, a.Addr())
}
