package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gochat/gochat/app"
	"github.com/gochat/gochat/repo/store"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

const outcomeHelp = `Tells what became of a message, by its sender and the tempMessageId that the sender's client gave it:
whether it is stored and where, whether it was given up, and what to do when it is neither.

    gochat outcome alice c1-7
    gochat outcome 7216345123456 c1-7      the same by the user's id; digits alone are always an id

It reads the database; the server may run meanwhile.`

func outcomeCommand(cfg *app.Config, stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "outcome USER TEMPMESSAGEID", Short: "Tell what became of a message that somebody sent", Long: outcomeHelp, Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withMigrated(cmd, cfg, func(ctx context.Context, s *sqlstore.Store) error {
				return tellOutcome(ctx, stdout, s, args[0], args[1])
			})
		},
	}
}

// tellOutcome prints what the store knows of a send.
func tellOutcome(ctx context.Context, stdout io.Writer, s *sqlstore.Store, user, tempID string) error {
	sender, err := senderOf(ctx, s, user)
	if err != nil {
		return err
	}
	var errs []error
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(stdout, format+"\n", args...)
		errs = append(errs, err)
	}
	m, err := s.ByClientID(ctx, sender, tempID)
	switch {
	case err == nil:
		say("stored: message %d is number %d of conversation %s, accepted at %s", m.ID, m.Seq, m.ConversationID, clock(m.Timestamp))
		if m.Extra != nil && m.Extra.Expired {
			say("its content has expired")
		}
	case !errors.Is(err, store.ErrNotFound):
		return err
	default:
		if err := tellUnstored(ctx, say, s, sender, tempID); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// senderOf finds a user by id or by name.
func senderOf(ctx context.Context, s *sqlstore.Store, user string) (int64, error) {
	id, err := strconv.ParseInt(user, 10, 64)
	if err != nil {
		u, _, err := s.ByName(ctx, user)
		if errors.Is(err, store.ErrNotFound) {
			return 0, fmt.Errorf("there is no user %q: %w", user, err)
		}
		return u.ID, err
	}
	found, err := s.ByID(ctx, []int64{id})
	if err != nil {
		return 0, err
	}
	if _, there := found[id]; !there {
		return 0, fmt.Errorf("there is no user with the id %d: %w", id, store.ErrNotFound)
	}
	return id, nil
}

// tellUnstored prints why a send is not stored, as far as the store knows.
func tellUnstored(ctx context.Context, say func(string, ...any), s *sqlstore.Store, sender int64, tempID string) error {
	at, refused, err := s.RefusedAt(ctx, sender, tempID)
	if err != nil {
		return err
	}
	if refused {
		say("given up for good at %s: its sender was told message-rejected, and it will never be stored", clock(at.UnixMilli()))
	}
	records, err := poisonOf(ctx, s, sender, tempID)
	for _, r := range records {
		say("poisoned at %s: %s; \"gochat poison show %d\" tells more", clock(r.PoisonedAt), r.Reason, r.ID)
	}
	if err != nil || refused || len(records) > 0 {
		return err
	}
	say("not stored. It is on its way, or was rejected (the sender was told why once, which is not kept), or never arrived.\n" +
		"Let the client send it again with the same tempMessageId, which stores it at most once; at log.level debug the log then says\n" +
		"why it is rejected (docs/operations.md, \"A message is missing\").")
	return nil
}

// poisonOf returns the poisoned records of a send.
func poisonOf(ctx context.Context, s *sqlstore.Store, sender int64, tempID string) (out []store.PoisonRecord, err error) {
	const page = 1000
	for after := int64(0); ; {
		list, err := s.ListPoison(ctx, "", after, page)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if r.Sender == strconv.FormatInt(sender, 10) && r.TempMessageID == tempID {
				out = append(out, r)
			}
			after = r.ID
		}
		if len(list) < page {
			return out, nil
		}
	}
}
