package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const webhookHelp = `Webhooks post what is stored to URLs of others. They are set by webhook.hooks and
webhook.secrets (GOCHAT_WEBHOOK_HOOKS=crm=https://crm.example.org/gochat,
GOCHAT_WEBHOOK_SECRETS=crm=…). Changes in the file, at etcd and in files of secrets are taken while
the role feed runs; those of its environment need a restart.

    gochat webhook list                                         how each one does
    gochat webhook test crm                                     post a test and print the answer
    gochat webhook replay crm --since 2h                        send again what is newer than that
    gochat webhook replay crm --conversation group_7 --from-seq 100
    gochat webhook forget crm                                   the next start begins anew
    gochat webhook verify --secret … --timestamp … --signature … < body

list, replay and forget work on the database; the server may run meanwhile.
deploy/WEBHOOKS.md says how to receive.`

func webhookCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("webhook list|test|replay|forget|verify", "See how webhooks do, send again, test and verify", webhookHelp, `"gochat webhook list", "test", "replay", "forget" or "verify"`)
	root.AddCommand(webhookList(cfg, stdout), webhookTest(cfg, stdout), webhookReplay(cfg, stdout), webhookForget(cfg, stdout), webhookVerify(stdout))
	return root
}

// withHooks calls work with the store, once its schema has the tables of hooks.
func withHooks(cmd *cobra.Command, cfg *app.Config, work func(context.Context, *sqlstore.Store) error) error {
	return withStore(cmd, cfg, false, func(d *db.DB) error {
		if err := sqlstore.CheckMigrated(cmd.Context(), d); err != nil {
			return err
		}
		return work(cmd.Context(), sqlstore.New(d))
	})
}
