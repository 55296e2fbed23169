package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo"
	"github.com/gochat/gochat/repo/backup"
)

const restoreHelp = `Puts a backup of "gochat backup" into a data directory, which is made or empty. No gochat may
run on it.

    gochat restore --from FILE --data-dir DIR
    gochat restore --from FILE --data-dir DIR --force      put away what is there, into before-restore-…

All of the file is checked before anything is changed. The store gets another epoch, by which
clients take everything anew: they may know messages that the backup has not. The search index is
made anew by the next start. What was accepted and not stored when the backup was made is stored then.

Killed at any moment, what was there is as it was, or no gochat starts on the directory and
the same command finishes what it began.`

func restoreCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var from string
	var force bool
	var k keys
	cmd := &cobra.Command{
		Use: "restore --from FILE", Short: "Put a backup into a data directory", Long: restoreHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return usageError{errors.New("say where from, by --from FILE")}
			}
			lock, err := k.lock()
			if err != nil {
				return err
			}
			if _, err := loadConfig(cmd, cfg); err != nil {
				return err
			}
			return runRestore(cmd.Context(), cfg, from, lock, force, stdout)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "file of gochat backup")
	cmd.Flags().BoolVar(&force, "force", false, "put away what is in the data directory")
	cmd.Flags().StringVar(&k.identity, "identity", "", "open it with the private keys of age in this file")
	cmd.Flags().StringVar(&k.passphrase, "passphrase-file", "", "open it with the first line of this file")
	return cmd
}

func runRestore(ctx context.Context, cfg *app.Config, from string, lock backup.Lock, force bool, stdout io.Writer) error {
	forget := func(ctx context.Context) error {
		if len(cfg.KV.Addrs) == 0 {
			return nil
		}
		_, err := repo.ForgetCache(ctx, cfg.KV)
		return err
	}
	r, finished, err := app.Restore(ctx, cfg, from, lock, force, forget)
	switch {
	case errors.Is(err, backup.ErrNotEmpty):
		return fmt.Errorf("%w; name another one by --data-dir, or say --force, which puts away what is there", err)
	case err != nil:
		return app.Explain(err)
	}
	text := "restored the backup"
	if finished {
		text = "finished a restore that was cut off, of the backup"
	}
	text = fmt.Sprintf("%s of %s into %s; the epoch was %s and is %s\n", text,
		time.UnixMilli(r.CreatedAt).UTC().Format(time.RFC3339), cfg.DataDir, r.Epoch, r.NewEpoch)
	if r.Before != "" {
		text += fmt.Sprintf("what was there before is in %s; remove it when it is not needed any more\n", r.Before)
	}
	if r.WithoutSecrets {
		text += "it is without secrets: no password is right any more, and keys that sign tokens are made anew unless auth.keys names them\n"
	}
	text += fmt.Sprintf("next: \"gochat verify --data-dir %s\", then start gochat on it\n", cfg.DataDir)
	if _, err := io.WriteString(stdout, text); err != nil {
		return fmt.Errorf("print what was restored: %w", err)
	}
	return nil
}
