package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/backup"
	"github.com/gochat/gochat/repo/store/sqlstore"
	"github.com/gochat/gochat/repo/transfer"
)

const backupHelp = `Makes a backup of an embedded gochat, running or not, in one file: the database, what is
accepted and not stored yet, and the keys that the process made for itself.

    gochat backup --out FILE
    gochat backup --out FILE --encrypt-to age1…            for whoever has that private key of age
    gochat backup --out FILE --passphrase-file PASSPHRASE
    gochat backup --out FILE --without-secrets             without keys and hashes of passwords

What was stored when the command began is in it. While it is made the directory of FILE
has to have room for the database besides. The file is there when it is whole, durable and was read
again, for its owner alone (mode 0600). Of MySQL its own tools make backups: docs/operations.md.`

// keys are the flags that encrypt or decrypt a backup.
type keys struct {
	passphrase string
	recipients []string
	identity   string
}

func (k keys) lock() (backup.Lock, error) {
	switch {
	case k.passphrase != "" && (len(k.recipients) > 0 || k.identity != ""):
		return backup.Lock{}, usageError{errors.New("name either a passphrase or keys")}
	case k.passphrase != "":
		return backup.Passphrase(k.passphrase)
	case len(k.recipients) > 0:
		return backup.Recipients(k.recipients)
	case k.identity != "":
		return backup.Identities(k.identity)
	}
	return backup.Lock{}, nil
}

func backupCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var out string
	var without bool
	var k keys
	cmd := &cobra.Command{
		Use: "backup --out FILE", Short: "Make a backup of an embedded gochat, running or not", Long: backupHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{errors.New("say where to, by --out FILE")}
			}
			lock, err := k.lock()
			if err != nil {
				return err
			}
			if _, err := loadConfig(cmd, cfg); err != nil {
				return err
			}
			if cfg.DB.Driver == db.MySQL {
				return app.ErrNotEmbedded
			}
			return withStore(cmd, cfg, false, func(d *db.DB) error {
				return runBackup(cmd.Context(), cfg, d, out, backup.Options{WithoutSecrets: without, Lock: lock}, stdout)
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to make")
	cmd.Flags().BoolVar(&without, "without-secrets", false, "leave out the keys that sign tokens, and the hashes of passwords")
	cmd.Flags().StringSliceVar(&k.recipients, "encrypt-to", nil, "encrypt for this public key of age; may be repeated")
	cmd.Flags().StringVar(&k.passphrase, "passphrase-file", "", "encrypt with the first line of this file")
	return cmd
}

func runBackup(ctx context.Context, cfg *app.Config, d *db.DB, out string, o backup.Options, stdout io.Writer) error {
	if _, err := sqlstore.Newer(ctx, d); err != nil {
		return err
	}
	if err := transfer.Pending(ctx, d); err != nil {
		return err
	}
	started := time.Now()
	m, err := app.Backup(ctx, cfg, d, out, o)
	if err != nil {
		return err
	}
	info, err := os.Stat(out)
	if err != nil {
		return fmt.Errorf("look at the backup: %w", err)
	}
	if _, err := fmt.Fprintf(stdout, "%s: a backup of %s, %d bytes, epoch %s, schema %s, after %.1f s\n", out,
		time.UnixMilli(m.CreatedAt).UTC().Format(time.RFC3339), info.Size(), m.Epoch, m.Schema, time.Since(started).Seconds()); err != nil {
		return fmt.Errorf("print what was made: %w", err)
	}
	return nil
}
