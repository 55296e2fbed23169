// Package search finds messages for those who may read them.
package search

import (
	"context"
	"errors"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Conversations knows who is in which conversation.
type Conversations interface {
	Memberships(ctx context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error)
}

// Index finds what one user may read.
type Index interface {
	SearchMessages(ctx context.Context, in *pb.SearchMessagesRequest) (*pb.SearchMessagesResponse, error)
}

// Service implements pb.SearchServiceServer. Its errors are *contracts.Error. It is
// safe for concurrent use.
type Service struct {
	pb.UnimplementedSearchServiceServer
	conversations Conversations
	index         Index
}

var _ pb.SearchServiceServer = (*Service)(nil)

// New returns the service.
func New(conversations Conversations, index Index) (*Service, error) {
	if conversations == nil || index == nil {
		return nil, errors.New("configure search: a dependency is missing")
	}
	return &Service{conversations: conversations, index: index}, nil
}

// Search returns a page of the messages that the caller may read and that contain the query, newest first.
// Errors: invalid_argument, not_found.
func (s *Service) Search(ctx context.Context, in *pb.SearchRequest) (*pb.SearchResponse, error) {
	query, limit, err := check(in)
	if err != nil {
		return nil, err
	}
	if in.GetConversationId() != "" {
		if err := s.mustBeIn(ctx, in.GetConversationId(), in.GetCallerId()); err != nil {
			return nil, err
		}
	}
	found, err := s.index.SearchMessages(ctx, &pb.SearchMessagesRequest{
		UserId: in.GetCallerId(), Query: query, ConversationId: in.GetConversationId(), Cursor: in.GetCursor(), Limit: limit,
	})
	if err != nil {
		return nil, storeError(err, fmt.Sprintf("search for user %d", in.GetCallerId()))
	}
	return &pb.SearchResponse{Messages: found.GetMessages(), NextCursor: found.GetNextCursor()}, nil
}

// check returns the query and the size of the page.
func check(in *pb.SearchRequest) (query string, limit int32, err error) {
	if err := handlers.CheckCaller(in.GetCallerId()); err != nil {
		return "", 0, err
	}
	query, must := contracts.CheckSearchQuery(in.GetQuery())
	if must != "" {
		return "", 0, contracts.Invalid("q", must)
	}
	switch limit = in.GetLimit(); {
	case limit == 0:
		limit = contracts.SearchLimitDefault
	case limit < 0 || limit > contracts.SearchLimitMax:
		return "", 0, contracts.Invalid("limit", fmt.Sprintf("1 to %d", contracts.SearchLimitMax))
	}
	return query, limit, nil
}

func (s *Service) mustBeIn(ctx context.Context, conversation string, caller int64) error {
	none := contracts.NewError(contracts.CodeNotFound, "There is no such conversation.")
	if !contracts.ConversationID(conversation).Valid() {
		return none
	}
	resp, err := s.conversations.Memberships(ctx, &pb.MembershipsRequest{
		Keys: []*pb.MembershipKey{{ConversationId: conversation, UserId: caller}},
	})
	if err != nil {
		return storeError(err, fmt.Sprintf("read the membership of user %d in %s", caller, conversation))
	}
	if facts := resp.GetMemberships(); len(facts) != 1 || !facts[0].GetExists() || !facts[0].GetMember() {
		return none
	}
	return nil
}

// storeError is what the client is told. Of the store's errors, only a bad cursor is about the client's call.
func storeError(err error, doing string) error {
	e := contracts.AsError(err)
	if must, bad := e.Fields["cursor"]; bad && e.Code == contracts.CodeInvalidArgument {
		return contracts.Invalid("cursor", must).WithCause(err)
	}
	return handlers.StoreError(err, doing)
}
