package gateway

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fakeSessions is the session registry.
type fakeSessions struct {
	mu        sync.Mutex
	sessions  map[string]*pb.Session
	known     map[string]bool // gateways that beat ready
	lives     int             // how often all was lost
	left      []string
	elsewhere []string
	putErr    error
	puts      int
	asked     int // which are registered
	watchers  map[int64][]string
	dead      []string
	mute      bool
}

func newFakeSessions() *fakeSessions {
	return &fakeSessions{sessions: map[string]*pb.Session{}, known: map[string]bool{}}
}

func (f *fakeSessions) PutSessions(_ context.Context, in *pb.PutSessionsRequest, _ ...grpc.CallOption) (*pb.PutSessionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.puts++
	if f.putErr != nil {
		return nil, f.putErr
	}
	for _, s := range in.GetSessions() {
		f.sessions[s.GetConnectionId()] = s
	}
	return &pb.PutSessionsResponse{Watched: f.watching(in.GetWantWatchers(), in.GetSessions())}, nil
}

func (f *fakeSessions) RemoveSession(_ context.Context, in *pb.RemoveSessionRequest, _ ...grpc.CallOption) (*pb.RemoveSessionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sessions, in.GetSession().GetConnectionId())
	return &pb.RemoveSessionResponse{}, nil
}

func (f *fakeSessions) RemoveSessions(_ context.Context, in *pb.RemoveSessionsRequest, _ ...grpc.CallOption) (*pb.RemoveSessionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range in.GetSessions() {
		delete(f.sessions, s.GetConnectionId())
	}
	return &pb.RemoveSessionsResponse{Watched: f.watching(in.GetWantWatchers(), in.GetSessions())}, nil
}

func (f *fakeSessions) watching(want bool, sessions []*pb.Session) (out []*pb.Watched) {
	for _, s := range sessions {
		if by := f.watchers[s.GetUserId()]; want && len(by) > 0 {
			out = append(out, &pb.Watched{UserId: s.GetUserId(), GatewayIds: by})
		}
	}
	return out
}

func (f *fakeSessions) Registered(_ context.Context, in *pb.RegisteredRequest, _ ...grpc.CallOption) (*pb.RegisteredResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &pb.RegisteredResponse{}
	f.asked += len(in.GetSessions())
	for _, s := range in.GetSessions() {
		out.Registered = append(out.Registered, f.sessions[s.GetConnectionId()] != nil)
	}
	return out, nil
}

func (f *fakeSessions) Beat(_ context.Context, in *pb.BeatRequest, _ ...grpc.CallOption) (*pb.BeatResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, was := f.known[in.GetGatewayId()]
	at := fmt.Sprint("life ", f.lives)
	known := was && in.GetPutAt() == at
	f.known[in.GetGatewayId()] = known && in.GetReady()
	return &pb.BeatResponse{Fresh: !known, At: at, DeadGateways: f.dead, Mute: f.mute}, nil
}

func (f *fakeSessions) Leave(_ context.Context, in *pb.LeaveRequest, _ ...grpc.CallOption) (*pb.LeaveResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = append(f.left, in.GetGatewayId())
	delete(f.known, in.GetGatewayId())
	return &pb.LeaveResponse{}, nil
}

func (f *fakeSessions) Locate(context.Context, *pb.LocateRequest, ...grpc.CallOption) (*pb.LocateResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &pb.LocateResponse{StaleGateways: f.elsewhere}, nil
}

func (f *fakeSessions) LiveGateways(context.Context, *pb.LiveGatewaysRequest, ...grpc.CallOption) (*pb.LiveGatewaysResponse, error) {
	return &pb.LiveGatewaysResponse{}, nil
}

func (f *fakeSessions) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sessions)
}

func (f *fakeSessions) ready(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[id]
}

// forget loses everything, as a cache may.
func (f *fakeSessions) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sessions, f.known = map[string]*pb.Session{}, map[string]bool{}
	f.lives++
}

// deafSessions is a session registry that is unavailable.
type deafSessions struct{ pb.SessionRepoClient }

func (deafSessions) Beat(context.Context, *pb.BeatRequest, ...grpc.CallOption) (*pb.BeatResponse, error) {
	return nil, contracts.NewError(contracts.CodeUnavailable, "")
}
