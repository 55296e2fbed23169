package repo_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo"
)

// TestMigrationsByHand: without db.auto_migrate the role does not touch the schema.
func TestMigrationsByHand(t *testing.T) {
	t.Parallel()
	cfg := config(t.TempDir())
	cfg.DB.AutoMigrate = false
	_, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.ErrorContains(t, err, "gochat migrate up")
	require.ErrorContains(t, err, "db.auto_migrate")
	cfg.DB.AutoMigrate = true
	r, err := repo.Open(t.Context(), cfg, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Close(t.Context()))
	cfg.DB.AutoMigrate = false
	open(t, cfg)
}

func TestLimitsThatNothingKeeps(t *testing.T) {
	t.Parallel()
	require.NoError(t, repo.CheckLimits(contracts.DefaultLimits(), db.MySQL))
	for setting, change := range map[string]func(*contracts.Limits){
		"limits.username_max":    func(l *contracts.Limits) { l.UsernameMax = 192 },
		"limits.nickname_max":    func(l *contracts.Limits) { l.NicknameMax = 256 },
		"limits.avatar_url_max":  func(l *contracts.Limits) { l.AvatarURLMax = 4097 },
		"limits.temp_message_id": func(l *contracts.Limits) { l.TempMessageID = 192 },
		"limits.content_max":     func(l *contracts.Limits) { l.ContentMax = 4<<20 + 1 },
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			l := contracts.DefaultLimits()
			change(&l)
			require.ErrorContains(t, repo.CheckLimits(l, db.MySQL), setting)
			if setting != "limits.content_max" {
				require.NoError(t, repo.CheckLimits(l, db.SQLite), "its columns have no widths")
			}
		})
	}
	require.NoError(t, repo.CheckListMax(repo.ListMax))
	require.ErrorContains(t, repo.CheckListMax(repo.ListMax+1), "conversation.list_max")
}
