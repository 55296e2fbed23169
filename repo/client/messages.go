// Package client makes calls of the repository services for those who know nothing of gRPC: each
// method makes the call of its name without call options, so that business code declares the few
// calls that it needs as an interface of its own, and is tested with plain fakes of it. Only calls
// that are used are here. Context and message are passed on unchanged.
//
//nolint:revive // each method makes the call of its name, of which contracts/proto says what it does
package client

import (
	"context"

	"google.golang.org/grpc"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Messages reads and stores messages.
type Messages struct{ remote pb.MessageRepoClient }

// NewMessages returns the calls of MessageRepo.
func NewMessages(conn grpc.ClientConnInterface) Messages {
	return Messages{pb.NewMessageRepoClient(conn)}
}

func (c Messages) LookupDedup(ctx context.Context, in *pb.LookupDedupRequest) (*pb.LookupDedupResponse, error) {
	return c.remote.LookupDedup(ctx, in)
}

func (c Messages) AllocateSeq(ctx context.Context, in *pb.AllocateSeqRequest) (*pb.AllocateSeqResponse, error) {
	return c.remote.AllocateSeq(ctx, in)
}

func (c Messages) SaveMessages(ctx context.Context, in *pb.SaveMessagesRequest) (*pb.SaveMessagesResponse, error) {
	return c.remote.SaveMessages(ctx, in)
}

func (c Messages) History(ctx context.Context, in *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	return c.remote.History(ctx, in)
}

func (c Messages) FindOutcome(ctx context.Context, in *pb.FindOutcomeRequest) (*pb.FindOutcomeResponse, error) {
	return c.remote.FindOutcome(ctx, in)
}

func (c Messages) RefuseSend(ctx context.Context, in *pb.RefuseSendRequest) (*pb.RefuseSendResponse, error) {
	return c.remote.RefuseSend(ctx, in)
}

// Conversations reads and changes conversations as their members see them.
type Conversations struct{ remote pb.ConversationRepoClient }

// NewConversations returns the calls of ConversationRepo.
func NewConversations(conn grpc.ClientConnInterface) Conversations {
	return Conversations{pb.NewConversationRepoClient(conn)}
}

func (c Conversations) Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	return c.remote.Memberships(ctx, in)
}

func (c Conversations) EnsureSingle(ctx context.Context, in *pb.EnsureSingleRequest) (*pb.EnsureSingleResponse, error) {
	return c.remote.EnsureSingle(ctx, in)
}

func (c Conversations) BeginSingles(ctx context.Context, in *pb.BeginSinglesRequest) (*pb.BeginSinglesResponse, error) {
	return c.remote.BeginSingles(ctx, in)
}

func (c Conversations) GetConversation(ctx context.Context, in *pb.GetConversationRequest) (*pb.GetConversationResponse, error) {
	return c.remote.GetConversation(ctx, in)
}

func (c Conversations) ListConversations(ctx context.Context, in *pb.ListConversationsRequest) (*pb.ListConversationsResponse, error) {
	return c.remote.ListConversations(ctx, in)
}

func (c Conversations) MarkRead(ctx context.Context, in *pb.MarkReadRequest) (*pb.MarkReadResponse, error) {
	return c.remote.MarkRead(ctx, in)
}

func (c Conversations) Sync(ctx context.Context, in *pb.SyncRequest) (*pb.SyncResponse, error) {
	return c.remote.Sync(ctx, in)
}

// Groups reads and changes groups.
type Groups struct{ remote pb.GroupRepoClient }

// NewGroups returns the calls of GroupRepo.
func NewGroups(conn grpc.ClientConnInterface) Groups { return Groups{pb.NewGroupRepoClient(conn)} }

func (c Groups) FindGroup(ctx context.Context, in *pb.FindGroupRequest) (*pb.FindGroupResponse, error) {
	return c.remote.FindGroup(ctx, in)
}

func (c Groups) FindMembers(ctx context.Context, in *pb.FindMembersRequest) (*pb.FindMembersResponse, error) {
	return c.remote.FindMembers(ctx, in)
}

func (c Groups) PageMembers(ctx context.Context, in *pb.PageMembersRequest) (*pb.PageMembersResponse, error) {
	return c.remote.PageMembers(ctx, in)
}

func (c Groups) ListMemberIDs(ctx context.Context, in *pb.ListMemberIDsRequest) (*pb.ListMemberIDsResponse, error) {
	return c.remote.ListMemberIDs(ctx, in)
}

func (c Groups) StoreGroup(ctx context.Context, in *pb.StoreGroupRequest) (*pb.StoreGroupResponse, error) {
	return c.remote.StoreGroup(ctx, in)
}

func (c Groups) ChangeGroup(ctx context.Context, in *pb.ChangeGroupRequest) (*pb.ChangeGroupResponse, error) {
	return c.remote.ChangeGroup(ctx, in)
}

func (c Groups) ListAnnouncements(ctx context.Context, in *pb.ListAnnouncementsRequest) (*pb.ListAnnouncementsResponse, error) {
	return c.remote.ListAnnouncements(ctx, in)
}

func (c Groups) DropAnnouncements(ctx context.Context, in *pb.DropAnnouncementsRequest) (*pb.DropAnnouncementsResponse, error) {
	return c.remote.DropAnnouncements(ctx, in)
}

// Sessions knows through which gateways users are connected.
type Sessions struct{ remote pb.SessionRepoClient }

// NewSessions returns the calls of SessionRepo.
func NewSessions(conn grpc.ClientConnInterface) Sessions {
	return Sessions{pb.NewSessionRepoClient(conn)}
}

func (c Sessions) Locate(ctx context.Context, in *pb.LocateRequest) (*pb.LocateResponse, error) {
	return c.remote.Locate(ctx, in)
}

func (c Sessions) LiveGateways(ctx context.Context, in *pb.LiveGatewaysRequest) (*pb.LiveGatewaysResponse, error) {
	return c.remote.LiveGateways(ctx, in)
}
