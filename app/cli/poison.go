package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const poisonHelp = `Poisoned records are those of the message queue that can never be handled: the janitor
keeps them in the database, whatever the queue is, until somebody decides.

    gochat poison list                  what was given up, and why
    gochat poison show 7                all that is known of one, without what people wrote
    gochat poison show 7 --content      with it
    gochat poison requeue 7 8           put back into their topics, once their reason is gone
    gochat poison drop 7                forget them

All of them work on the database; the server may run meanwhile. What is to be put back goes
within seconds of a running server, or after its next start. A record whose sender was told
that it will never be stored is not put back: the sender may have sent it anew.`

func poisonCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	root := family("poison list|show|requeue|drop", "See what the message queue gave up, put it back or forget it", poisonHelp, `"gochat poison list", "show", "requeue" or "drop"`)
	root.AddCommand(poisonList(cfg, stdout), poisonShow(cfg, stdout), poisonRequeue(cfg, stdout), poisonDrop(cfg, stdout))
	return root
}

// withPoison lets work work on a store that keeps poisoned records.
func withPoison(cmd *cobra.Command, cfg *app.Config, work func(context.Context, *sqlstore.Store) error) error {
	return withStore(cmd, cfg, false, func(d *db.DB) error {
		if err := sqlstore.CheckMigrated(cmd.Context(), d); err != nil {
			return fmt.Errorf("the server has to start once, or \"gochat migrate up\": %w", err)
		}
		return work(cmd.Context(), sqlstore.New(d))
	})
}

// recordIDs reads ids of the command line.
func recordIDs(args []string) ([]int64, error) {
	ids := make([]int64, len(args))
	for i, a := range args {
		id, err := strconv.ParseInt(a, 10, 64)
		if err != nil || id < 1 {
			return nil, usageError{fmt.Errorf("%q is no record's number; \"gochat poison list\" tells them", a)}
		}
		ids[i] = id
	}
	return ids, nil
}

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
			return withPoison(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
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

// listedError is how much of an error a list shows, in bytes.
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

// clock prints a time of Unix milliseconds.
func clock(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

func poisonShow(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var content bool
	cmd := &cobra.Command{
		Use: "show RECORD", Short: "Tell all that is known of a poisoned record", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			return withPoison(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				r, err := s.PoisonRecord(ctx, ids[0])
				if err != nil {
					return err
				}
				return showPoison(stdout, r, content)
			})
		},
	}
	cmd.Flags().BoolVar(&content, "content", false, "show what people wrote, too")
	return cmd
}

func showPoison(stdout io.Writer, r store.PoisonRecord, content bool) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, value) // Flush tells of what fails
		}
	}
	line("record", strconv.FormatInt(r.ID, 10))
	line("uuid", r.UUID)
	line("given up at", clock(r.PoisonedAt))
	line("by", r.Group)
	line("topic", r.Topic)
	line("reason", r.Reason)
	line("error", strconv.Quote(r.Error))
	line("sender", r.Sender)
	line("conversation", r.Conversation)
	line("tempMessageId", r.TempMessageID)
	line("the sender was told", r.Told)
	line("trace", r.TraceID)
	if r.RequeuedAt > 0 {
		line("goes back since", clock(r.RequeuedAt))
	}
	for _, k := range slices.Sorted(maps.Keys(r.Metadata)) {
		if !strings.HasPrefix(k, contracts.MetaPoisonStart) && k != contracts.MetaTraceID {
			line("  "+k, strconv.Quote(r.Metadata[k]))
		}
	}
	line("payload", fmt.Sprintf("%d bytes", r.Size))
	if content {
		line("content", payloadText(r))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the record: %w", err)
	}
	return nil
}

// payloadText is a payload as people read it; one that cannot be decoded is Base64.
func payloadText(r store.PoisonRecord) string {
	for topic, m := range map[string]proto.Message{contracts.TopicUpstream: &pb.Upstream{}, contracts.TopicStored: &pb.Stored{}} {
		if r.Topic != topic || proto.Unmarshal(r.Payload, m) != nil {
			continue
		}
		if text, err := protojson.Marshal(m); err == nil {
			return string(text)
		}
	}
	return "base64 " + base64.StdEncoding.EncodeToString(r.Payload)
}

func poisonRequeue(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "requeue RECORD…", Short: "Put poisoned records back into their topics", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			return withPoison(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				for _, id := range ids { // all or none
					r, err := s.PoisonRecord(ctx, id)
					switch {
					case err != nil:
						return err
					case r.Told == contracts.ToldRejected:
						return fmt.Errorf("record %d is not put back: its sender was told that the message will never be stored, and may have sent it anew", id)
					case r.Topic == "":
						return fmt.Errorf("record %d is not put back: it does not say from which topic it came", id)
					}
				}
				if _, err := s.RequeuePoison(ctx, ids, time.Now()); err != nil {
					return err
				}
				_, err := fmt.Fprintf(stdout, "%d records go back within seconds of a running server\n", len(ids))
				return err
			})
		},
	}
}

func poisonDrop(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "drop RECORD…", Short: "Forget poisoned records", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			return withPoison(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				n, err := s.ForgetPoison(ctx, ids)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(stdout, "%d records are forgotten\n", n); err != nil {
					return fmt.Errorf("print how many records are forgotten: %w", err)
				}
				if int(n) < len(ids) {
					return fmt.Errorf("%d of the %d records were not there: %w; \"gochat poison list\" tells which are", len(ids)-int(n), len(ids), store.ErrNotFound)
				}
				return nil
			})
		},
	}
}
