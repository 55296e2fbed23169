package chaos

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/gochat/gochat/tests/client"
)

// registering bounds the registrations at the same time.
const registering = 8

// Crowd registers n accounts, spread over the servers.
func Crowd(ctx context.Context, servers []*client.Server, prefix string, n int) ([]*client.Account, error) {
	out := make([]*client.Account, n)
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(registering)
	for i := range out {
		all.Go(func() (err error) {
			out[i], err = servers[i%len(servers)].Register(ctx, fmt.Sprintf("%s%03d", prefix, i), "a password")
			return err
		})
	}
	return out, all.Wait()
}

// Gather makes a group of the accounts; the first one is its owner.
func Gather(ctx context.Context, name string, members []*client.Account) (Target, error) {
	ids := make([]string, 0, len(members))
	for _, m := range members[1:] {
		ids = append(ids, m.UserID)
	}
	var group struct{ ConversationID string }
	err := members[0].Call(ctx, http.MethodPost, "/api/groups", map[string]any{"name": name, "memberIds": ids}, &group)
	if err != nil {
		return Target{}, fmt.Errorf("make a group of %d: %w", len(members), err)
	}
	return Target{ConversationID: group.ConversationID}, nil
}
