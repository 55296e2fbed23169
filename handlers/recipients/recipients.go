// Package recipients is the pipeline stage that finds out who gets a stored
// message and through which gateways.
package recipients

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/reach"
	"github.com/gochat/gochat/handlers/roster"
)

// Locator knows through which gateways users are connected.
type Locator interface {
	Locate(ctx context.Context, in *pb.LocateRequest, opts ...grpc.CallOption) (*pb.LocateResponse, error)
	LiveGateways(ctx context.Context, in *pb.LiveGatewaysRequest, opts ...grpc.CallOption) (*pb.LiveGatewaysResponse, error)
}

// Hinter lets users who are connected through one of the gateways know that there is
// something to pull.
type Hinter interface {
	Hint(conversation string, seq uint64, users []int64, gateways []string)
}

// DefaultGroupLimit is the size up to which a group is delivered to at once.
const DefaultGroupLimit = 500

type stage struct {
	locator Locator
	roster  *roster.Roster
	hints   Hinter
	limit   int64
}

// New returns the stage. Groups with more than groupLimit members are left to
// the fanout role; 0 is DefaultGroupLimit. World gets one copy per live gateway,
// never work per user. Where it is not known through which of too many gateways users are
// connected, hints get a hint instead of the message.
func New(locator Locator, groups *roster.Roster, hints Hinter, groupLimit int) handlers.Stage {
	if groupLimit <= 0 {
		groupLimit = DefaultGroupLimit
	}
	s := &stage{locator: locator, roster: groups, hints: hints, limit: int64(groupLimit)}
	return handlers.Before(s.handle)
}

func (s *stage) handle(ctx context.Context, env *handlers.Envelope) error {
	stored := deliverable(env)
	users, bare := make([][]int64, len(stored)), make([][]int64, len(stored))
	var world []*handlers.Item
	for i, it := range stored {
		m := it.Membership
		switch {
		case m.GetType() == pb.ConversationType_CONVERSATION_TYPE_WORLD:
			world = append(world, it)
		case m.GetType() == pb.ConversationType_CONVERSATION_TYPE_SINGLE:
			users[i] = m.GetUserIds()
		case m.GetMemberCount() > s.limit:
			it.Fanout = true
		default:
			list, err := s.roster.Of(ctx, m.GetGroupId(), m.GetMembersVersion())
			if err != nil {
				return err
			}
			users[i] = roster.Entitled(list.Members, it.Stored.GetSeqId())
			bare[i] = roster.Bare(list.Members, it.Stored)
		}
	}
	if err := s.routeUsers(ctx, stored, users, bare); err != nil {
		return err
	}
	return s.routeWorld(ctx, world)
}

// deliverable leaves out a send whose idempotency key was used for a message
// of another conversation: its sender is answered with that message, but this
// conversation's members must not see it. What was pushed before is left out, too.
func deliverable(env *handlers.Envelope) []*handlers.Item {
	items := env.Stored()
	out := items[:0]
	for _, it := range items {
		if !it.Pushed && it.Stored.GetConversationId() == it.Upstream.GetConversationId() {
			out = append(out, it)
		}
	}
	return out
}

// routeUsers asks for all users of the envelope in one call, each once.
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
	if len(ask) == 0 {
		return nil
	}
	resp, err := s.locator.Locate(ctx, &pb.LocateRequest{UserIds: ask})
	if err != nil {
		return fmt.Errorf("locate %d users: %w", len(ask), err)
	}
	gateways := reach.Of(resp, reach.Most)
	for i, it := range items {
		it.Routes = gateways.Routes(users[i])
		if skipped := gateways.Skipped(); len(skipped) > 0 {
			s.hints.Hint(it.Stored.GetConversationId(), it.Stored.GetSeqId(), users[i], skipped)
		}
		for j := range it.Routes {
			r := &it.Routes[j]
			r.Users, r.Bare = roster.Split(r.Users, bare[i])
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
		for _, gw := range resp.GetGatewayIds() {
			it.Routes = append(it.Routes, handlers.Route{GatewayID: gw, Everyone: true})
		}
	}
	return nil
}
