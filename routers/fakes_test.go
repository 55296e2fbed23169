package routers

import (
	"context"
	"sort"
	"sync"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakeRepo is a store with the promises of repo.proto, in memory.
type fakeRepo struct {
	mu       sync.Mutex
	byKey    map[string]*pb.Message
	refused  map[string]bool
	history  map[string][]*pb.Message
	singles  map[string][]int64
	users    map[int64]bool
	alloc    map[string]uint64
	gateways map[int64]string
	// noCache makes the cache calls fail.
	noCache bool
}

func newFakeRepo(users ...int64) *fakeRepo {
	r := &fakeRepo{
		byKey: map[string]*pb.Message{}, refused: map[string]bool{}, history: map[string][]*pb.Message{}, singles: map[string][]int64{},
		users: map[int64]bool{}, alloc: map[string]uint64{}, gateways: map[int64]string{},
	}
	for _, u := range users {
		r.users[u] = true
		r.gateways[u] = "gw"
	}
	return r
}

func key(sender int64, temp string) string { return contracts.UserID(sender).String() + "/" + temp }

func (r *fakeRepo) LookupDedup(_ context.Context, in *pb.LookupDedupRequest) (*pb.LookupDedupResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.noCache {
		return nil, contracts.NewError(contracts.CodeUnavailable, "")
	}
	out := &pb.LookupDedupResponse{}
	for _, k := range in.GetKeys() {
		m := r.byKey[key(k.GetSenderId(), k.GetTempMessageId())]
		if m == nil {
			m = &pb.Message{}
		}
		out.Stored = append(out.Stored, &pb.Message{MessageId: m.GetMessageId(), SeqId: m.GetSeqId()})
	}
	return out, nil
}

func (r *fakeRepo) AllocateSeq(_ context.Context, in *pb.AllocateSeqRequest) (*pb.AllocateSeqResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.noCache {
		return nil, contracts.NewError(contracts.CodeUnavailable, "")
	}
	out := &pb.AllocateSeqResponse{}
	for _, k := range in.GetKeys() {
		id := k.GetConversationId() + key(k.GetSenderId(), k.GetTempMessageId())
		if r.alloc[id] == 0 {
			r.alloc[k.GetConversationId()]++
			r.alloc[id] = r.alloc[k.GetConversationId()]
		}
		out.SeqIds = append(out.SeqIds, r.alloc[id])
	}
	return out, nil
}

func (r *fakeRepo) SaveMessages(_ context.Context, in *pb.SaveMessagesRequest) (*pb.SaveMessagesResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &pb.SaveMessagesResponse{}
	for _, m := range in.GetMessages() {
		k := key(m.GetSenderId(), m.GetTempMessageId())
		if old := r.byKey[k]; old != nil {
			out.Results = append(out.Results, &pb.SaveResult{Outcome: pb.SaveResult_OUTCOME_DUPLICATE, Message: old})
			continue
		}
		if !r.member(m.GetConversationId(), m.GetSenderId()) {
			out.Results = append(out.Results, &pb.SaveResult{Outcome: pb.SaveResult_OUTCOME_NOT_MEMBER})
			continue
		}
		if r.refused[k] {
			out.Results = append(out.Results, &pb.SaveResult{Outcome: pb.SaveResult_OUTCOME_REFUSED})
			continue
		}
		m.SeqId = uint64(len(r.history[m.GetConversationId()]) + 1)
		r.byKey[k] = m
		r.history[m.GetConversationId()] = append(r.history[m.GetConversationId()], m)
		out.Results = append(out.Results, &pb.SaveResult{Outcome: pb.SaveResult_OUTCOME_STORED, Message: m})
	}
	return out, nil
}

func (r *fakeRepo) FindOutcome(_ context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.byKey[key(in.GetSenderId(), in.GetTempMessageId())]
	return &pb.FindOutcomeResponse{Stored: m != nil, Message: m}, nil
}

func (r *fakeRepo) RefuseSend(_ context.Context, in *pb.RefuseSendRequest) (*pb.RefuseSendResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key(in.GetKey().GetSenderId(), in.GetKey().GetTempMessageId())
	if m := r.byKey[k]; m != nil {
		return &pb.RefuseSendResponse{Stored: true, Message: m}, nil
	}
	r.refused[k] = true
	return &pb.RefuseSendResponse{}, nil
}

func (r *fakeRepo) History(_ context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.history[in.GetConversationId()]
	return &pb.HistoryResponse{Messages: list[min(int(in.GetAfterSeq()), len(list)):]}, nil //nolint:gosec // a few
}

func (r *fakeRepo) member(conv string, user int64) bool {
	if conv == string(contracts.World) {
		return r.users[user]
	}
	for _, u := range r.singles[conv] {
		if u == user {
			return true
		}
	}
	return false
}

func (r *fakeRepo) Memberships(_ context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &pb.MembershipsResponse{}
	for _, k := range in.GetKeys() {
		m := &pb.Membership{Member: r.member(k.GetConversationId(), k.GetUserId())}
		if k.GetConversationId() == string(contracts.World) {
			m.Exists, m.Type = true, pb.ConversationType_CONVERSATION_TYPE_WORLD
		} else if us := r.singles[k.GetConversationId()]; us != nil {
			m.Exists, m.Type, m.UserIds = true, pb.ConversationType_CONVERSATION_TYPE_SINGLE, us
		}
		out.Memberships = append(out.Memberships, m)
	}
	return out, nil
}

func (r *fakeRepo) BeginSingles(ctx context.Context, in *pb.BeginSinglesRequest) (*pb.BeginSinglesResponse, error) {
	out := &pb.BeginSinglesResponse{}
	for _, m := range in.GetMessages() {
		_, err := r.EnsureSingle(ctx, &pb.EnsureSingleRequest{UserId: m.GetSenderId(), PeerId: m.GetReceiverId()})
		out.Results = append(out.Results, &pb.SingleBegun{There: err == nil})
	}
	return out, nil
}

func (r *fakeRepo) EnsureSingle(_ context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.users[in.GetPeerId()] {
		return nil, contracts.NewError(contracts.CodeNotFound, "")
	}
	id := string(contracts.SingleConversation(contracts.UserID(in.GetUserId()), contracts.UserID(in.GetPeerId())))
	r.singles[id] = []int64{in.GetUserId(), in.GetPeerId()}
	return &pb.EnsureSingleResponse{ConversationId: id}, nil
}

func (r *fakeRepo) ListMemberIDs(context.Context, *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	return &pb.ListMemberIDsResponse{}, nil
}

func (r *fakeRepo) Locate(_ context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := map[string][]int64{}
	for _, u := range in.GetUserIds() {
		if gw := r.gateways[u]; gw != "" {
			by[gw] = append(by[gw], u)
		}
	}
	out := &pb.LocateResponse{}
	for gw, us := range by {
		out.Gateways = append(out.Gateways, &pb.GatewayUsers{GatewayId: gw, UserIds: us})
	}
	return out, nil
}

func (r *fakeRepo) LiveGateways(context.Context, *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	out := &pb.LiveGatewaysResponse{}
	for _, gw := range r.gateways {
		if !seen[gw] {
			seen[gw] = true
			out.GatewayIds = append(out.GatewayIds, gw)
		}
	}
	sort.Strings(out.GatewayIds)
	return out, nil
}

// counterIDs makes ids 1, 2, 3 …
type counterIDs struct {
	mu sync.Mutex
	n  int64
}

func (c *counterIDs) Next() (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n, nil
}
