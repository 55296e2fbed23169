// Package recipients is the pipeline stage that finds out who gets a stored
// message and through which gateways.
package recipients

import (
	"context"
	"fmt"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/reach"
	"github.com/gochat/gochat/handlers/roster"
)

// Locator knows through which gateways users are connected.
type Locator interface {
	Locate(ctx context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error)
	LiveGateways(ctx context.Context, in *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error)
}

// Hinter lets users who are connected through one of the gateways know that there is
// something to pull.
type Hinter interface {
	Hint(conversation string, seq uint64, users []int64, gateways []string)
}

// DefaultGroupLimit is the largest group, in members, for which the pipeline delivers; for larger ones fanout does.
const DefaultGroupLimit = 500

type stage struct {
	locator Locator
	roster  *roster.Roster
	hints   Hinter
	limit   int64
}

// New returns the stage. Groups with more than groupLimit members are left to the fanout role; 0 is
// DefaultGroupLimit. World gets one copy per live gateway, never work per user. When too many gateways may or
// may not hold the recipients, these gateways get no copy, and hints tells the recipients there to pull.
func New(locator Locator, groups *roster.Roster, hints Hinter, groupLimit int) handlers.Stage {
	if groupLimit <= 0 {
		groupLimit = DefaultGroupLimit
	}
	s := &stage{locator: locator, roster: groups, hints: hints, limit: int64(groupLimit)}
	return handlers.Before(s.handle)
}

func (s *stage) handle(ctx context.Context, env *handlers.Envelope) error {
	stored, err := deliverable(env)
	if err != nil {
		return err
	}
	users, bare := make([][]int64, 0, len(stored)), make([][]int64, 0, len(stored))
	var direct, world []*handlers.Item
	for _, it := range stored {
		m := it.Membership
		switch {
		case m.GetType() == pb.ConversationType_CONVERSATION_TYPE_WORLD:
			world = append(world, it)
		case m.GetType() == pb.ConversationType_CONVERSATION_TYPE_SINGLE:
			direct, users, bare = append(direct, it), append(users, m.GetUserIds()), append(bare, nil)
		case m.GetMemberCount() > s.limit:
			if err := it.FanOut(); err != nil {
				return err
			}
		default:
			list, err := s.roster.Of(ctx, m.GetGroupId(), m.GetMembersVersion())
			if err != nil {
				return err
			}
			direct = append(direct, it)
			users = append(users, roster.Entitled(list.Members, it.Message().GetSeqId()))
			bare = append(bare, roster.Bare(list.Members, it.Message()))
		}
	}
	if err := s.routeUsers(ctx, direct, users, bare); err != nil {
		return err
	}
	return s.routeWorld(ctx, world)
}

// deliverable returns the items whose recipients are still to be decided. A send whose idempotency key was used
// for a message of another conversation is routed to nobody: its sender is answered with that message, but the
// members of this conversation must not see it.
func deliverable(env *handlers.Envelope) ([]*handlers.Item, error) {
	out := make([]*handlers.Item, 0, len(env.Items))
	for _, it := range env.Items {
		switch {
		case it.State() != handlers.StateStored && it.State() != handlers.StateFiller:
		case it.Message().GetConversationId() == it.Upstream.GetConversationId():
			out = append(out, it)
		default:
			if err := it.Route(nil); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// routeUsers locates the users of all items in one call, each user once, and routes the items.
func (s *stage) routeUsers(ctx context.Context, items []*handlers.Item, users, bare [][]int64) error {
	seen := map[int64]struct{}{}
	var ask []int64
	for _, ids := range users {
		for _, id := range ids {
			if _, ok := seen[id]; !ok {
				seen[id] = struct{}{}
				ask = append(ask, id)
			}
		}
	}
	found := &pb.LocateResponse{}
	if len(ask) > 0 {
		var err error
		if found, err = s.locator.Locate(ctx, &pb.LocateRequest{UserIds: ask}); err != nil {
			return fmt.Errorf("locate %d users: %w", len(ask), err)
		}
	}
	gateways := reach.Of(found, reach.MaxUnsureGateways)
	for i, it := range items {
		routes := gateways.Routes(users[i])
		if skipped := gateways.Skipped(); len(skipped) > 0 {
			s.hints.Hint(it.Message().GetConversationId(), it.Message().GetSeqId(), users[i], skipped)
		}
		for j := range routes {
			r := &routes[j]
			r.Users, r.Bare = roster.Split(r.Users, bare[i])
		}
		if err := it.Route(routes); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) routeWorld(ctx context.Context, items []*handlers.Item) error {
	if len(items) == 0 {
		return nil
	}
	resp, err := s.locator.LiveGateways(ctx, &pb.LiveGatewaysRequest{})
	if err != nil {
		return fmt.Errorf("list live gateways: %w", err)
	}
	for _, it := range items {
		routes := make([]handlers.Route, 0, len(resp.GetGatewayIds()))
		for _, gw := range resp.GetGatewayIds() {
			routes = append(routes, handlers.Route{GatewayID: gw, Everyone: true})
		}
		if err := it.Route(routes); err != nil {
			return err
		}
	}
	return nil
}
