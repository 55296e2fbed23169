package cli

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

func poisonShow(cfg *app.Config, stdout io.Writer) *cobra.Command {
	var content bool
	cmd := &cobra.Command{
		Use: "show RECORD", Short: "Tell all that is known of a poisoned record", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			return withMigrated(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
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
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, value) // Flush returns the error
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

// payloadText returns a payload as JSON, or in Base64 when its topic has no known form or decoding fails.
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
