package presence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fake has single chats of user 1 with 2 and 3; user 2 is online, user 3 was.
type fake struct {
	presentErr, directoryErr, seenErr error
	partial                           bool
	asked                             []int64
	impostor, silent                  bool
	wroteErr                          error
}

func (f *fake) Wrote(_ context.Context, in *pb.WroteRequest) (*pb.WroteResponse, error) {
	if f.wroteErr != nil {
		return nil, f.wroteErr
	}
	if f.silent {
		return &pb.WroteResponse{PeerIds: []int64{3}}, nil
	}
	return &pb.WroteResponse{PeerIds: in.GetPeerIds()}, nil
}

func (f *fake) Memberships(_ context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	resp := &pb.MembershipsResponse{}
	for _, k := range in.GetKeys() {
		m := &pb.Membership{}
		for _, peer := range []int64{2, 3} {
			if k.GetConversationId() == string(contracts.SingleConversation(1, contracts.UserID(peer))) {
				m = &pb.Membership{Exists: true, Member: true, UserIds: []int64{1, peer}}
				if f.impostor {
					m.UserIds = []int64{1, 77}
				}
			}
		}
		resp.Memberships = append(resp.Memberships, m)
	}
	return resp, f.directoryErr
}

func (f *fake) Present(_ context.Context, in *pb.PresentRequest) (*pb.PresentResponse, error) {
	f.asked = in.GetUserIds()
	if f.presentErr != nil {
		return nil, f.presentErr
	}
	return &pb.PresentResponse{Online: []int64{2}, Partial: f.partial}, nil
}

func (f *fake) LastSeen(_ context.Context, in *pb.LastSeenRequest) (*pb.LastSeenResponse, error) {
	if slices.Contains(in.GetUserIds(), 2) {
		return nil, errors.New("who is online is not asked for")
	}
	return &pb.LastSeenResponse{LastSeenAt: map[int64]int64{3: 33}}, f.seenErr
}

func TestGetPresence(t *testing.T) {
	away := contracts.NewError(contracts.CodeUnavailable, "")
	for what, tt := range map[string]struct {
		f    fake
		ids  []int64
		want string // of each: id, online, last seen, unknown
		code contracts.Code
	}{
		"contacts and oneself, each once":     {fake{}, []int64{2, 3, 2, 4, 1, 0, -5}, "[1 false 0 false] [2 true 0 false] [3 false 33 false]", ""},
		"strangers only":                      {fake{}, []int64{4, 5}, "", ""},
		"nobody":                              {fake{}, nil, "", ""},
		"one who has not written":             {fake{silent: true}, []int64{2, 3}, "[3 false 33 false]", ""},
		"a store that knows no consent":       {fake{wroteErr: status.Error(codes.Unimplemented, "")}, []int64{1, 2}, "[1 false 0 false]", ""},
		"a store that is away":                {fake{wroteErr: away}, []int64{2}, "", contracts.CodeUnavailable},
		"a chat that is of others":            {fake{impostor: true}, []int64{2}, "", ""},
		"a registry that has lost entries":    {fake{partial: true}, []int64{2, 3}, "[2 true 0 false] [3 false 0 true]", ""},
		"a registry that is away":             {fake{presentErr: away}, []int64{2}, "[2 false 0 true]", ""},
		"a directory that is away":            {fake{directoryErr: away}, []int64{2}, "", contracts.CodeUnavailable},
		"a store that breaks":                 {fake{seenErr: errors.New("disk")}, []int64{3}, "", contracts.CodeInternal},
		"more than may be":                    {fake{}, make([]int64, contracts.PresenceMax+1), "", contracts.CodeInvalidArgument},
		"as many as may be, and no such user": {fake{}, make([]int64, contracts.PresenceMax), "", ""},
	} {
		t.Run(what, func(t *testing.T) {
			s, err := New(&tt.f, &tt.f)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.GetPresence(t.Context(), &pb.GetPresenceRequest{CallerId: 1, UserIds: tt.ids})
			var got contracts.Code
			if err != nil {
				got = contracts.AsError(err).Code
			}
			if got != tt.code {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			text := ""
			for i, p := range resp.GetPresence() {
				if i > 0 {
					text += " "
				}
				text += fmt.Sprint([]any{p.GetUserId(), p.GetOnline(), p.GetLastSeenAt(), p.GetUnknown()})
			}
			if text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
			if slices.Contains(tt.f.asked, 4) {
				t.Error("a stranger is asked for")
			}
		})
	}
	s, _ := New(&fake{}, &fake{})
	if _, err := s.GetPresence(t.Context(), &pb.GetPresenceRequest{UserIds: []int64{2}}); contracts.AsError(err).Code != contracts.CodeUnauthenticated {
		t.Error(err)
	}
}
