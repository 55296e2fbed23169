package search

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// fake has user 1 in world and in group_9, and finds one message.
type fake struct {
	asked            *pb.SearchMessagesRequest
	members, finding error
}

func (f *fake) Memberships(_ context.Context, in *pb.MembershipsRequest) (*pb.MembershipsResponse, error) {
	out := &pb.MembershipsResponse{}
	for _, k := range in.GetKeys() {
		there := k.GetConversationId() == "world" || k.GetConversationId() == "group_9"
		out.Memberships = append(out.Memberships, &pb.Membership{Exists: there, Member: there && k.GetUserId() == 1})
	}
	return out, f.members
}

func (f *fake) SearchMessages(_ context.Context, in *pb.SearchMessagesRequest) (*pb.SearchMessagesResponse, error) {
	f.asked = in
	return &pb.SearchMessagesResponse{Messages: []*pb.Message{{MessageId: 5}}, NextCursor: "next"}, f.finding
}

func TestNewNeedsBoth(t *testing.T) {
	t.Parallel()
	_, err := New(nil, &fake{})
	require.Error(t, err)
	_, err = New(&fake{}, nil)
	require.Error(t, err)
}

func TestSearch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    *pb.SearchRequest
		code  contracts.Code
		field string
		limit int32
	}{
		"by default":             {&pb.SearchRequest{CallerId: 1, Query: "ab"}, "", "", 20},
		"the largest":            {&pb.SearchRequest{CallerId: 1, Query: strings.Repeat("é", 100), Limit: 100}, "", "", 100},
		"in a group":             {&pb.SearchRequest{CallerId: 1, Query: "ab", ConversationId: "group_9", Cursor: "c", Limit: 1}, "", "", 1},
		"nobody":                 {&pb.SearchRequest{Query: "ab"}, contracts.CodeUnauthenticated, "", 0},
		"blanks around it":       {&pb.SearchRequest{CallerId: 1, Query: " \tab\u3000"}, "", "", 20},
		"one CJK character":      {&pb.SearchRequest{CallerId: 1, Query: " 気 "}, "", "", 20},
		"one kana":               {&pb.SearchRequest{CallerId: 1, Query: "あ"}, "", "", 20},
		"one emoji":              {&pb.SearchRequest{CallerId: 1, Query: "🙂"}, "", "", 20},
		"one heart":              {&pb.SearchRequest{CallerId: 1, Query: "❤\uFE0F"}, "", "", 20},
		"one letter and blanks":  {&pb.SearchRequest{CallerId: 1, Query: " a  "}, contracts.CodeInvalidArgument, "q", 0},
		"blanks":                 {&pb.SearchRequest{CallerId: 1, Query: "     "}, contracts.CodeInvalidArgument, "q", 0},
		"too short":              {&pb.SearchRequest{CallerId: 1, Query: "é"}, contracts.CodeInvalidArgument, "q", 0},
		"nothing":                {&pb.SearchRequest{CallerId: 1}, contracts.CodeInvalidArgument, "q", 0},
		"too long":               {&pb.SearchRequest{CallerId: 1, Query: strings.Repeat("é", 101)}, contracts.CodeInvalidArgument, "q", 0},
		"no UTF-8":               {&pb.SearchRequest{CallerId: 1, Query: "\xff\xff"}, contracts.CodeInvalidArgument, "q", 0},
		"a page too large":       {&pb.SearchRequest{CallerId: 1, Query: "ab", Limit: 101}, contracts.CodeInvalidArgument, "limit", 0},
		"a page of less":         {&pb.SearchRequest{CallerId: 1, Query: "ab", Limit: -1}, contracts.CodeInvalidArgument, "limit", 0},
		"where one is not":       {&pb.SearchRequest{CallerId: 2, Query: "ab", ConversationId: "group_9"}, contracts.CodeNotFound, "", 0},
		"where nothing is":       {&pb.SearchRequest{CallerId: 1, Query: "ab", ConversationId: "group_8"}, contracts.CodeNotFound, "", 0},
		"where nothing could be": {&pb.SearchRequest{CallerId: 1, Query: "ab", ConversationId: "nonsense"}, contracts.CodeNotFound, "", 0},
	} {
		f := &fake{}
		s, err := New(f, f)
		require.NoError(t, err)
		resp, err := s.Search(t.Context(), c.in)
		if c.code == "" {
			require.NoError(t, err, name)
			assert.Equal(t, "next", resp.GetNextCursor())
			assert.Len(t, resp.GetMessages(), 1)
			want := &pb.SearchMessagesRequest{UserId: 1, Query: strings.Trim(c.in.GetQuery(), " \t\u3000\uFE0F"), ConversationId: c.in.GetConversationId(), Cursor: c.in.GetCursor(), Limit: c.limit}
			assert.True(t, proto.Equal(want, f.asked), "%s: %v", name, f.asked)
			continue
		}
		var e *contracts.Error
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, c.code, e.Code, name)
		if c.field != "" {
			assert.NotEmpty(t, e.Fields[c.field], name)
		}
		assert.Nil(t, f.asked, "%s: the store was asked", name)
	}
}

func TestErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code contracts.Code
	}{
		"a bad cursor":       {contracts.Invalid("cursor", "one that was given"), contracts.CodeInvalidArgument},
		"our own bad call":   {contracts.Invalid("limit", "less"), contracts.CodeInternal},
		"it is away":         {contracts.NewError(contracts.CodeUnavailable, ""), contracts.CodeUnavailable},
		"it took too long":   {context.DeadlineExceeded, contracts.CodeUnavailable},
		"it does not know":   {errors.New("who knows"), contracts.CodeInternal},
		"it finds nobody":    {contracts.NewError(contracts.CodeNotFound, ""), contracts.CodeInternal},
		"it takes us for no": {contracts.NewError(contracts.CodeUnauthenticated, ""), contracts.CodeInternal},
	} {
		f := &fake{finding: c.err}
		s, err := New(f, f)
		require.NoError(t, err)
		_, err = s.Search(t.Context(), &pb.SearchRequest{CallerId: 1, Query: "ab"})
		assert.Equal(t, c.code, contracts.AsError(err).Code, name)
	}
	f := &fake{members: contracts.NewError(contracts.CodeUnavailable, "")}
	s, err := New(f, f)
	require.NoError(t, err)
	_, err = s.Search(t.Context(), &pb.SearchRequest{CallerId: 1, Query: "ab", ConversationId: "world"})
	assert.Equal(t, contracts.CodeUnavailable, contracts.AsError(err).Code)
}
