package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/backup"
)

// stopped wraps run so that no gochat runs on the store meanwhile: it locks the data directory of an embedded
// store, and fails when a process has it. Of a MySQL store it cannot tell.
func stopped(cfg *app.Config, run func(context.Context, *db.DB) error) func(context.Context, *db.DB) error {
	return func(ctx context.Context, d *db.DB) (err error) {
		if cfg.DB.Driver != db.MySQL {
			dir, openErr := app.OpenDataDir(cfg.DataDir)
			if openErr != nil {
				return openErr
			}
			defer func() { err = errors.Join(err, dir.Close()) }()
		}
		return run(ctx, d)
	}
}

// withStore loads the configuration, opens the database and calls work with it. An embedded
// database that does not exist is an error unless fresh is true. Errors are those of app.Explain.
func withStore(cmd *cobra.Command, cfg *app.Config, fresh bool, work func(*db.DB) error) (err error) {
	if _, err := loadConfig(cmd, cfg); err != nil {
		return err
	}
	c := cfg.DB
	if c.Driver != db.MySQL {
		c.Path = cfg.DBPath(cfg.DataDir)
		if err := backup.Cut(cfg.DataDir); err != nil {
			return err // the database may be neither that before the restore nor that of the backup
		}
		if _, err := os.Stat(c.Path); err != nil && !fresh {
			return fmt.Errorf("there is no store at %s; name the data directory by --data-dir, or, for one on MySQL, the settings of a server by --config or GOCHAT_DB_DRIVER=mysql: %w", c.Path, app.Cause(err))
		}
	}
	d, err := db.Open(cmd.Context(), c, zap.NewNop())
	if err != nil {
		return app.Explain(err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return app.Explain(work(d))
}
