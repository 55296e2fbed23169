package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func poisonList(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var reason string
	var after int64
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List poisoned records", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 10_000 {
				return usageError{fmt.Errorf("--limit %d: must be 1 to 10000", limit)}
			}
			return withMigrated(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				list, err := s.ListPoison(ctx, reason, after, limit)
				if err != nil {
					return err
				}
				return printPoison(stdout, list, limit)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "only these: undecodable, panic, too_large, refused or unforeseen")
	cmd.Flags().Int64Var(&after, "after", 0, "begin behind this record")
	cmd.Flags().IntVar(&limit, "limit", 100, "how many")
	return cmd
}

// listedError is the length, in bytes, to which a list cuts an error.
const listedError = 100

func printPoison(stdout io.Writer, list []store.PoisonRecord, limit int) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(stdout, "nothing is poisoned")
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "RECORD\tAT\tREASON\tGROUP\tSENDER\tCONVERSATION\tTOLD\tTRACE\tERROR")
	errs := []error{err}
	for _, r := range list {
		told := r.Told
		if r.RequeuedAt > 0 {
			told += ", goes back"
		}
		text := r.Error
		if len(text) > listedError {
			text = strings.ToValidUTF8(text[:listedError], "") + "…"
		}
		_, err := fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%q\n", r.ID, clock(r.PoisonedAt), r.Reason, r.Group, r.Sender, r.Conversation, told, r.TraceID, text)
		errs = append(errs, err)
	}
	errs = append(errs, w.Flush())
	if len(list) == limit {
		_, err := fmt.Fprintf(stdout, "there may be more: --after %d\n", list[len(list)-1].ID)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// clock formats a time in Unix milliseconds; 0 is "-".
func clock(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}
