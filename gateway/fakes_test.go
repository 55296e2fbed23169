package gateway

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakeLogic answers as the services do. Token "7:x" is user 7's, with jti "x".
type fakeLogic struct {
	pb.AuthServiceClient
	pb.UserServiceClient
	pb.ConversationServiceClient
	pb.MessageServiceClient
	pb.GroupServiceClient
	pb.SearchServiceClient

	mu      sync.Mutex
	revoked map[string]bool
	expires time.Time
	issued  int64
	fail    error
	calls   []any
	// onCall is asked before the answer.
	onCall func(req any) error
}

func newFakeLogic() *fakeLogic {
	return &fakeLogic{revoked: map[string]bool{}, expires: time.Now().Add(time.Hour)}
}

func (f *fakeLogic) note(req any) error {
	f.mu.Lock()
	f.calls = append(f.calls, req)
	fail, on := f.fail, f.onCall
	f.mu.Unlock()
	if fail != nil {
		return fail
	}
	if on != nil {
		return on(req)
	}
	return nil
}

// last returns the newest request of T's type.
func last[T any](f *fakeLogic) (req T, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if r, ok := c.(T); ok {
			req = r
			n++
		}
	}
	return req, n
}

func (f *fakeLogic) Authenticate(_ context.Context, in *pb.AuthenticateRequest, _ ...grpc.CallOption) (*pb.AuthenticateResponse, error) {
	if err := f.note(in); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	user, jti, ok := strings.Cut(in.GetToken(), ":")
	id, err := contracts.ParseUserID(user)
	if !ok || err != nil || f.revoked[jti] {
		return nil, contracts.NewError(contracts.CodeUnauthenticated, "").GRPCStatus().Err()
	}
	return &pb.AuthenticateResponse{UserId: int64(id), TokenId: jti, ExpiresAt: f.expires.UnixMilli(), IssuedAt: f.issued}, nil
}

func (f *fakeLogic) Recheck(_ context.Context, in *pb.RecheckRequest, _ ...grpc.CallOption) (*pb.RecheckResponse, error) {
	if err := f.note(in); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &pb.RecheckResponse{}
	for _, t := range in.GetTokens() {
		out.Refused = append(out.Refused, f.revoked[t.GetTokenId()])
	}
	return out, nil
}

func (f *fakeLogic) Register(_ context.Context, in *pb.RegisterRequest, _ ...grpc.CallOption) (*pb.RegisterResponse, error) {
	if err := f.note(in); err != nil {
		return nil, err
	}
	if in.GetUsername() == "taken" {
		return nil, contracts.NewError(contracts.CodeUsernameTaken, "").GRPCStatus().Err()
	}
	return &pb.RegisterResponse{Grant: &pb.Grant{Token: "7:new", ExpiresAt: 5, User: &pb.User{UserId: 7, Username: in.GetUsername()}}}, nil
}

func (f *fakeLogic) Login(_ context.Context, in *pb.LoginRequest, _ ...grpc.CallOption) (*pb.LoginResponse, error) {
	if err := f.note(in); err != nil {
		return nil, err
	}
	if in.GetPassword() != "right-password" {
		return nil, contracts.NewError(contracts.CodeInvalidCredentials, "").GRPCStatus().Err()
	}
	return &pb.LoginResponse{Grant: &pb.Grant{Token: "7:in", User: &pb.User{UserId: 7}}}, nil
}

func (f *fakeLogic) Logout(_ context.Context, in *pb.LogoutRequest, _ ...grpc.CallOption) (*pb.LogoutResponse, error) {
	return &pb.LogoutResponse{}, f.note(in)
}

func (f *fakeLogic) GetProfile(_ context.Context, in *pb.GetProfileRequest, _ ...grpc.CallOption) (*pb.GetProfileResponse, error) {
	return &pb.GetProfileResponse{User: &pb.User{UserId: in.GetUserId(), Username: "ann", CreatedAt: 9}}, f.note(in)
}

func (f *fakeLogic) FindByName(_ context.Context, in *pb.FindByNameRequest, _ ...grpc.CallOption) (*pb.FindByNameResponse, error) {
	return &pb.FindByNameResponse{}, f.note(in)
}

func (f *fakeLogic) UpdateProfile(_ context.Context, in *pb.UpdateProfileRequest, _ ...grpc.CallOption) (*pb.UpdateProfileResponse, error) {
	return &pb.UpdateProfileResponse{User: &pb.User{UserId: in.GetCallerId(), Nickname: in.GetNickname()}}, f.note(in)
}

func conversationOf(id string) *pb.Conversation {
	return &pb.Conversation{
		ConversationId: id, Type: pb.ConversationType_CONVERSATION_TYPE_SINGLE, LastSeq: 9, ReadSeq: 4, LastMessageAt: 77, PeerReadSeq: 3, PeerDeliveredSeq: 6,
		Peer: &pb.User{UserId: 8, Username: "bob"}, LastMessage: &pb.Message{MessageId: 1 << 60, SeqId: 9, ConversationId: id},
	}
}

func (f *fakeLogic) CreateSingle(_ context.Context, in *pb.CreateSingleRequest, _ ...grpc.CallOption) (*pb.CreateSingleResponse, error) {
	id := contracts.SingleConversation(contracts.UserID(in.GetCallerId()), contracts.UserID(in.GetPeerId()))
	return &pb.CreateSingleResponse{Conversation: conversationOf(string(id))}, f.note(in)
}

func (f *fakeLogic) Get(_ context.Context, in *pb.ConversationServiceGetRequest, _ ...grpc.CallOption) (*pb.ConversationServiceGetResponse, error) {
	return &pb.ConversationServiceGetResponse{Conversation: conversationOf(in.GetConversationId())}, f.note(in)
}

func (f *fakeLogic) List(_ context.Context, in *pb.ConversationServiceListRequest, _ ...grpc.CallOption) (*pb.ConversationServiceListResponse, error) {
	return &pb.ConversationServiceListResponse{Conversations: []*pb.Conversation{conversationOf("world")}, NextCursor: "c2"}, f.note(in)
}

func (f *fakeLogic) Read(_ context.Context, in *pb.ReadRequest, _ ...grpc.CallOption) (*pb.ReadResponse, error) {
	return &pb.ReadResponse{ReadSeq: in.GetSeqId(), Unread: 2}, f.note(in)
}

func (f *fakeLogic) Typing(_ context.Context, in *pb.TypingRequest, _ ...grpc.CallOption) (*pb.TypingResponse, error) {
	return &pb.TypingResponse{}, f.note(in)
}

func (f *fakeLogic) SyncAll(_ context.Context, in *pb.SyncAllRequest, _ ...grpc.CallOption) (*pb.SyncAllResponse, error) {
	reset := in.GetEpoch() != "" && in.GetEpoch() != "epoch-1"
	return &pb.SyncAllResponse{
		More: true, Epoch: "epoch-1", Conversations: []*pb.SyncedConversation{{ConversationId: "world", LastSeq: 3, Reset_: reset}},
	}, f.note(in)
}

// GetEpoch makes it an EpochSource, too.
func (*fakeLogic) GetEpoch(context.Context, *pb.GetEpochRequest, ...grpc.CallOption) (*pb.GetEpochResponse, error) {
	return &pb.GetEpochResponse{Epoch: "epoch-1"}, nil
}

func (f *fakeLogic) ListMessages(_ context.Context, in *pb.ListMessagesRequest, _ ...grpc.CallOption) (*pb.ListMessagesResponse, error) {
	return &pb.ListMessagesResponse{Messages: []*pb.Message{{MessageId: 5, SeqId: 1}}, LastSeq: 1, HasMore: true}, f.note(in)
}

func (f *fakeLogic) GetOutcome(_ context.Context, in *pb.GetOutcomeRequest, _ ...grpc.CallOption) (*pb.GetOutcomeResponse, error) {
	return &pb.GetOutcomeResponse{Stored: in.GetTempMessageId() == "known", Message: &pb.Message{MessageId: 5, SeqId: 6, ConversationId: "world"}}, f.note(in)
}

func (f *fakeLogic) Search(_ context.Context, in *pb.SearchRequest, _ ...grpc.CallOption) (*pb.SearchResponse, error) {
	return &pb.SearchResponse{Messages: []*pb.Message{{MessageId: 5, SeqId: 1, ConversationId: "world", Content: in.GetQuery()}}, NextCursor: "c2"}, f.note(in)
}

func prometheusNone() prometheus.Registerer { return prometheus.NewRegistry() }
