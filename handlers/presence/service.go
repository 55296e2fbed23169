// Package presence tells a user whether others are online, of those who have written to this user in their
// single chat.
package presence

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Presence knows who is online, when users were last seen, and who has written to whom.
type Presence interface {
	Present(ctx context.Context, in *pb.PresentRequest) (*pb.PresentResponse, error)
	LastSeen(ctx context.Context, in *pb.LastSeenRequest) (*pb.LastSeenResponse, error)
	Wrote(ctx context.Context, in *pb.WroteRequest) (*pb.WroteResponse, error)
}

// Directory knows who is in which conversation; its facts may come from a cache.
type Directory interface {
	Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error)
}

// Service implements pb.PresenceServiceServer. Its errors are *contracts.Error. It is
// safe for concurrent use.
type Service struct {
	pb.UnimplementedPresenceServiceServer
	presence  Presence
	directory Directory
}

var _ pb.PresenceServiceServer = (*Service)(nil)

// New returns the service.
func New(presence Presence, directory Directory) (*Service, error) {
	if presence == nil || directory == nil {
		return nil, errors.New("configure presence: a dependency is missing")
	}
	return &Service{presence: presence, directory: directory}, nil
}

// GetPresence answers for those of the users whose presence the caller may know; a user whose presence cannot
// be told right now is marked unknown. Errors: invalid_argument on userIds, unavailable.
func (s *Service) GetPresence(ctx context.Context, in *pb.GetPresenceRequest) (*pb.GetPresenceResponse, error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return nil, err
	}
	if len(in.GetUserIds()) > contracts.PresenceMax {
		return nil, contracts.Invalid("userIds", fmt.Sprintf("at most %d", contracts.PresenceMax))
	}
	contacts, err := s.contacts(ctx, in.GetCallerId(), in.GetUserIds())
	if err != nil {
		return nil, err
	}
	out := &pb.GetPresenceResponse{Presence: make([]*pb.Presence, len(contacts))}
	if len(contacts) == 0 {
		return out, nil
	}
	resp, err := s.presence.Present(ctx, &pb.PresentRequest{UserIds: contacts})
	if err != nil { // while the registry is away presence is unknown, and the call does not fail
		trace.SpanFromContext(ctx).RecordError(err)
		resp = &pb.PresentResponse{Partial: true}
	}
	var offline []int64
	for i, id := range contacts {
		p := &pb.Presence{UserId: id, Online: slices.Contains(resp.GetOnline(), id)}
		p.Unknown = !p.GetOnline() && resp.GetPartial()
		if !p.GetOnline() && !p.GetUnknown() {
			offline = append(offline, id)
		}
		out.Presence[i] = p
	}
	if len(offline) == 0 {
		return out, nil
	}
	seen, err := s.presence.LastSeen(ctx, &pb.LastSeenRequest{UserIds: offline})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("read when %d users were last seen", len(offline)))
	}
	for _, p := range out.GetPresence() {
		if !p.GetOnline() {
			p.LastSeenAt = seen.GetLastSeenAt()[p.GetUserId()]
		}
	}
	return out, nil
}

// contacts returns, of the users asked for, the caller and those who have written to the caller in their single
// chat, each once. A single chat alone is no consent: anybody can make one with anybody.
func (s *Service) contacts(ctx context.Context, caller int64, asked []int64) ([]int64, error) {
	var known, ask []int64
	var keys []*pb.MembershipKey
	once := map[int64]bool{}
	for _, id := range asked {
		if id <= 0 || once[id] {
			continue
		}
		once[id] = true
		if id == caller {
			known = append(known, id)
			continue
		}
		ask = append(ask, id)
		keys = append(keys, &pb.MembershipKey{
			ConversationId: string(contracts.SingleConversation(contracts.UserID(caller), contracts.UserID(id))), UserId: caller,
		})
	}
	if len(ask) == 0 {
		return known, nil
	}
	resp, err := s.directory.Memberships(ctx, &pb.MembershipsRequest{Keys: keys})
	if err != nil {
		return nil, handlers.StoreError(err, fmt.Sprintf("read which of %d users have a single chat with user %d", len(ask), caller))
	}
	if len(resp.GetMemberships()) != len(ask) {
		return nil, handlers.StoreError(errors.New("the answer has another length"), "read memberships")
	}
	var peers []int64
	for i, m := range resp.GetMemberships() {
		// The id of a single chat is a hash of both users' ids, so whose chat it is has to be checked.
		if m.GetExists() && slices.Contains(m.GetUserIds(), caller) && slices.Contains(m.GetUserIds(), ask[i]) {
			peers = append(peers, ask[i])
		}
	}
	wrote, err := s.wrote(ctx, caller, peers)
	return append(known, wrote...), err
}

func (s *Service) wrote(ctx context.Context, caller int64, peers []int64) ([]int64, error) {
	if len(peers) == 0 {
		return nil, nil
	}
	resp, err := s.presence.Wrote(ctx, &pb.WroteRequest{UserId: caller, PeerIds: peers})
	switch {
	case contracts.IsUnknownCall(err): // a repo of an older release cannot tell who consents: nobody is shown
		trace.SpanFromContext(ctx).RecordError(err)
		return nil, nil
	case err != nil:
		return nil, handlers.StoreError(err, fmt.Sprintf("read which of %d users have written to user %d", len(peers), caller))
	}
	return resp.GetPeerIds(), nil
}
