package recipients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
	"github.com/gochat/gochat/handlers/reach"
	"github.com/gochat/gochat/handlers/roster"
)

type fakeLocator struct {
	at      map[int64][]string
	stale   []string
	partly  []*pb.PartlyStale
	asked   []int64
	err     error
	members []int64
	page    int
	joined  map[int64]uint64
}

func (f *fakeLocator) Locate(_ context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error) {
	f.asked = append(f.asked, in.GetUserIds()...)
	by := map[string][]int64{}
	var order []string
	for _, u := range in.GetUserIds() {
		for _, gw := range f.at[u] {
			if by[gw] == nil {
				order = append(order, gw)
			}
			by[gw] = append(by[gw], u)
		}
	}
	out := &pb.LocateResponse{StaleGateways: f.stale, PartlyStale: f.partly}
	for _, gw := range order {
		out.Gateways = append(out.Gateways, &pb.GatewayUsers{GatewayId: gw, UserIds: by[gw]})
	}
	return out, f.err
}

func (f *fakeLocator) LiveGateways(context.Context, *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error) {
	return &pb.LiveGatewaysResponse{GatewayIds: []string{"a", "b"}}, f.err
}

func (f *fakeLocator) ListMemberIDs(_ context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	out := &pb.ListMemberIDsResponse{}
	for _, u := range f.members {
		if u <= in.GetAfterUserId() {
			continue
		}
		if len(out.GetUserIds()) == f.page {
			out.HasMore = true
			break
		}
		out.UserIds, out.JoinSeqs = append(out.UserIds, u), append(out.JoinSeqs, f.joined[u])
	}
	return out, nil
}

func single(users ...int64) *pb.Membership {
	return &pb.Membership{Exists: true, Member: true, Type: pb.ConversationType_CONVERSATION_TYPE_SINGLE, UserIds: users}
}

func group(id, size int64) *pb.Membership {
	return &pb.Membership{Exists: true, Member: true, Type: pb.ConversationType_CONVERSATION_TYPE_GROUP, GroupId: id, MemberCount: size}
}

func item(m *pb.Membership) *handlers.Item {
	return stored(m, &pb.Message{ConversationId: "c", SeqId: 7})
}

func stored(m *pb.Membership, as *pb.Message) *handlers.Item {
	it := &handlers.Item{Upstream: &pb.Upstream{ConversationId: "c"}, Membership: m}
	if err := it.Find(as); err != nil {
		panic(err)
	}
	return it
}

// routing is a message, where its recipients are, and the routes and hints that it gets.
type routing struct {
	locator fakeLocator
	item    *handlers.Item
	hints   hinted
	hinted  string
	want    string
	fanout  bool
}

func routings() map[string]routing {
	other := stored(single(1, 2), &pb.Message{ConversationId: "elsewhere"})
	return map[string]routing{
		"both users of a single chat": {
			locator: fakeLocator{at: map[int64][]string{1: {"a"}, 2: {"b"}}}, item: item(single(1, 2)), want: "a[1] b[2]",
		},
		"one gateway gets one copy": {
			locator: fakeLocator{at: map[int64][]string{1: {"a"}, 2: {"a"}}}, item: item(single(1, 2)), want: "a[1 2]",
		},
		"a user on two gateways": {
			locator: fakeLocator{at: map[int64][]string{2: {"a", "b"}}}, item: item(single(1, 2)), want: "a[2] b[2]",
		},
		"nobody online": {item: item(single(1, 2))},
		"a gateway that lost its sessions gets all": {
			locator: fakeLocator{at: map[int64][]string{1: {"a"}, 2: {"b"}}, stale: []string{"b"}}, item: item(single(1, 2)), want: "b[1 2] a[1]",
		},
		"as many as may be that lost their sessions get all": {
			locator: fakeLocator{stale: many(reach.MaxUnsureGateways)}, item: item(single(1, 2)), want: eachOf(many(reach.MaxUnsureGateways), "[1 2]"),
		},
		"too many that lost their sessions get a hint, and others what is theirs": {
			locator: fakeLocator{at: map[int64][]string{1: {"a"}}, stale: many(reach.MaxUnsureGateways + 1)}, item: item(single(1, 2)), want: "a[1]",
			hinted: fmt.Sprintf("c/7 [1 2] %v", many(reach.MaxUnsureGateways+1)),
		},
		"gateways that lost some sessions get what is for those users": {
			locator: fakeLocator{at: map[int64][]string{1: {"a"}}, partly: []*pb.PartlyStale{{UserIds: []int64{2}, GatewayIds: []string{"a", "b"}}}},
			item:    item(single(1, 2)), want: "a[1 2] b[2]",
		},
		"too many that lost some sessions get a hint": {
			locator: fakeLocator{at: map[int64][]string{1: {"a"}}, partly: []*pb.PartlyStale{{UserIds: []int64{2}, GatewayIds: many(reach.MaxUnsureGateways + 1)}}},
			item:    item(single(1, 2)), want: "a[1]", hinted: fmt.Sprintf("c/7 [1 2] %v", many(reach.MaxUnsureGateways+1)),
		},
		"small group, members in pages": {
			locator: fakeLocator{at: map[int64][]string{3: {"a"}, 5: {"a"}}, members: []int64{3, 4, 5}, page: 2}, item: item(group(8, 3)), want: "a[3 5]",
		},
		"who joined after the message gets nothing of it": {
			locator: fakeLocator{
				at: map[int64][]string{3: {"a"}, 4: {"a"}, 5: {"a"}}, members: []int64{3, 4, 5}, page: 9, joined: map[int64]uint64{4: 7, 5: 6},
			}, item: item(group(8, 3)), want: "a[3 5]",
		},
		"large group is left to fan-out": {item: item(group(8, 501)), fanout: true},
		"world is one copy a gateway": {
			item: item(&pb.Membership{Type: pb.ConversationType_CONVERSATION_TYPE_WORLD}), want: "a* b*",
		},
		"a key used in another conversation is shown to nobody here": {
			locator: fakeLocator{at: map[int64][]string{1: {"a"}, 2: {"b"}}}, item: other,
		},
	}
}

func TestRecipients(t *testing.T) {
	for name, tc := range routings() {
		t.Run(name, func(t *testing.T) {
			err := New(&tc.locator, roster.New(&tc.locator), &tc.hints, 0)(func(context.Context, *handlers.Envelope) error { return nil })(
				t.Context(), &handlers.Envelope{Items: []*handlers.Item{tc.item}})
			if err != nil {
				t.Fatal(err)
			}
			state := handlers.StateRouted
			if tc.fanout {
				state = handlers.StateFannedOut
			}
			if got := show(tc.item.Routes()); got != tc.want || tc.item.State() != state {
				t.Errorf("routes %q and %v, want %q and %v", got, tc.item.State(), tc.want, state)
			}
			if got := tc.hints.got; got != tc.hinted {
				t.Errorf("hints %q, want %q", got, tc.hinted)
			}
		})
	}
}

func TestOneCallForAWholeRun(t *testing.T) {
	loc := &fakeLocator{at: map[int64][]string{1: {"a"}, 2: {"a"}, 3: {"b"}}}
	env := &handlers.Envelope{Items: []*handlers.Item{item(single(1, 2)), item(single(2, 3)), item(single(1, 2))}}
	if err := New(loc, roster.New(loc), &hinted{}, 0)(func(context.Context, *handlers.Envelope) error { return nil })(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(loc.asked, []int64{1, 2, 3}) {
		t.Errorf("asked for %v, want each user once", loc.asked)
	}
	for i, want := range []string{"a[1 2]", "a[2] b[3]", "a[1 2]"} {
		if got := show(env.Items[i].Routes()); got != want {
			t.Errorf("item %d: routes %q, want %q", i, got, want)
		}
	}
}

func TestLocatorAway(t *testing.T) {
	loc := &fakeLocator{err: errors.New("away")}
	err := New(loc, roster.New(loc), &hinted{}, 0)(nil)(t.Context(), &handlers.Envelope{Items: []*handlers.Item{item(single(1, 2))}})
	if !errors.Is(err, loc.err) {
		t.Errorf("error %v, want the locator's", err)
	}
}

func show(routes []handlers.Route) string {
	var out []string
	for _, r := range routes {
		if r.Everyone {
			out = append(out, r.GatewayID+"*")
			continue
		}
		out = append(out, fmt.Sprintf("%s%v", r.GatewayID, r.Users))
	}
	return strings.Join(out, " ")
}

// hinted remembers a hint.
type hinted struct{ got string }

func (h *hinted) Hint(conversation string, seq uint64, users []int64, gateways []string) {
	h.got = fmt.Sprintf("%s/%d %v %v", conversation, seq, users, gateways)
}

// many are gateways.
func many(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("gw%02d", i))
	}
	return out
}

func eachOf(gateways []string, what string) string {
	var out []string
	for _, g := range gateways {
		out = append(out, g+what)
	}
	return strings.Join(out, " ")
}
