package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/infra/conf"
)

const docHead = `# Settings

Made by ` + "`gochat config doc docs/settings.md`" + `; change the table in ` + "`app/settings*.go`" + ` instead.

A setting has one name in three forms: ` + "`gateway.ping_interval`" + ` in a file (YAML, TOML or JSON, with
sections) and at etcd, ` + "`GOCHAT_GATEWAY_PING_INTERVAL`" + ` in the environment, ` + "`--gateway-ping-interval`" + ` on the
command line. The first of flag, environment, etcd, file and default that has a value wins;
` + "`gochat config show`" + ` says which it was, and ` + "`gochat config check`" + ` whether a start would take it.

At etcd the keys are below ` + "`registry.prefix`" + `, as ` + "`/gochat/config/log.level`" + `, and the values are written as
in the environment. What is marked "not from etcd" is each process's own. With an environment (` + "`environment: blue`" + `)
they are below that, as ` + "`/blue/gochat/config/log.level`" + `.

A secret has no flag. ` + "`GOCHAT_DB_DSN_FILE`" + ` names a file that holds the value of ` + "`GOCHAT_DB_DSN`" + `, and so for
every setting marked as a secret; both together are an error.

Times are written as ` + "`1h30m`, `10s` or `250ms`" + `, lists with commas, pairs as ` + "`name=value,name=value`" + `.
`

func docCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "doc [file]",
		Short: "Write the description of all settings (docs/settings.md) to a file, or print it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var text strings.Builder
			text.WriteString(docHead)
			if err := conf.WriteTable(&text, app.EnvPrefix, app.DefaultConfig(), app.Settings); err != nil {
				return err
			}
			if len(args) == 0 {
				if _, err := io.WriteString(stdout, text.String()); err != nil {
					return fmt.Errorf("print the description of settings: %w", err)
				}
				return nil
			}
			const readableByAll = 0o644
			if err := os.WriteFile(args[0], []byte(text.String()), readableByAll); err != nil { // #nosec G306 -- it is documentation
				return fmt.Errorf("write the description of settings: %w", err)
			}
			return nil
		},
	}
}
