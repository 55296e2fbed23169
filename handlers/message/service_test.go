package message

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestNewNeedsBoth(t *testing.T) {
	if _, err := New(Config{}, nil, &fakeMessages{}); err == nil {
		t.Error("no error without conversations")
	}
	if _, err := New(Config{}, &fakeConversations{}, nil); err == nil {
		t.Error("no error without messages")
	}
}

func TestNewRefusesLimits(t *testing.T) {
	for what, breakIt := range map[string]func(*contracts.Limits){
		"history_max of 0":            func(l *contracts.Limits) { l.HistoryMax = 0 },
		"history_max over 32 bits":    func(l *contracts.Limits) { l.HistoryMax = math.MaxInt32 + 1 },
		"history_default of 0":        func(l *contracts.Limits) { l.HistoryDefault = 0 },
		"history_default over it all": func(l *contracts.Limits) { l.HistoryDefault = l.HistoryMax + 1 },
		"temp_message_id of 0":        func(l *contracts.Limits) { l.TempMessageID = 0 },
	} {
		limits := contracts.DefaultLimits()
		breakIt(&limits)
		if _, err := New(Config{Limits: limits}, &fakeConversations{}, &fakeMessages{}); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestListMessagesLimit(t *testing.T) {
	tests := map[int32]int32{0: 50, 1: 1, 199: 199, 200: 200, 201: -1, -1: -1, math.MaxInt32: -1, math.MinInt32: -1}
	for asked, want := range tests {
		s, c, m := newService(t)
		_, err := s.ListMessages(t.Context(), &pb.ListMessagesRequest{CallerId: ann, ConversationId: single, Limit: asked})
		if want < 0 {
			if e := wantCode(t, err, contracts.CodeInvalidArgument); e.Fields["limit"] != "1 to 200" {
				t.Errorf("limit %d: fields are %v", asked, e.Fields)
			}
			if m.page != nil || c.asked != 0 {
				t.Errorf("limit %d: the store was asked", asked)
			}
			continue
		}
		if err != nil || m.page.GetLimit() != want {
			t.Errorf("limit %d: the store is asked for %d, %v; want %d", asked, m.page.GetLimit(), err, want)
		}
	}
}

func TestListMessagesConfiguredLimit(t *testing.T) {
	limits := contracts.DefaultLimits()
	limits.HistoryDefault, limits.HistoryMax = 2, 3
	m := &fakeMessages{}
	s, err := New(Config{Limits: limits}, &fakeConversations{}, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListMessages(t.Context(), &pb.ListMessagesRequest{CallerId: ann, ConversationId: world}); err != nil || m.page.GetLimit() != 2 {
		t.Errorf("asked for %d, %v; want 2", m.page.GetLimit(), err)
	}
	_, err = s.ListMessages(t.Context(), &pb.ListMessagesRequest{CallerId: ann, ConversationId: world, Limit: 4})
	wantCode(t, err, contracts.CodeInvalidArgument)
}

func TestListMessagesBounds(t *testing.T) {
	u := proto.Uint64
	tests := map[string]struct {
		after, before *uint64
		want          *pb.HistoryRequest
	}{
		"none":              {nil, nil, &pb.HistoryRequest{}},
		"after 0":           {u(0), nil, &pb.HistoryRequest{HasAfter: true}},
		"after":             {u(7), nil, &pb.HistoryRequest{HasAfter: true, AfterSeq: 7}},
		"before":            {nil, u(7), &pb.HistoryRequest{BeforeSeq: 7}},
		"before 1":          {nil, u(1), &pb.HistoryRequest{BeforeSeq: 1}},
		"before 0 is empty": {nil, u(0), &pb.HistoryRequest{BeforeSeq: 1}},
		"both":              {u(3), u(7), &pb.HistoryRequest{HasAfter: true, AfterSeq: 3, BeforeSeq: 7}},
		"both, and 0":       {u(0), u(0), &pb.HistoryRequest{HasAfter: true, BeforeSeq: 1}},
		"both, crossed":     {u(7), u(3), &pb.HistoryRequest{HasAfter: true, AfterSeq: 7, BeforeSeq: 3}},
		"the largest":       {u(math.MaxInt64), u(math.MaxInt64), &pb.HistoryRequest{HasAfter: true, AfterSeq: math.MaxInt64, BeforeSeq: math.MaxInt64}},
		"over a signed int": {u(math.MaxUint64), u(math.MaxInt64 + 1), &pb.HistoryRequest{HasAfter: true, AfterSeq: math.MaxInt64, BeforeSeq: math.MaxInt64}},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, _, m := newService(t)
			resp, err := s.ListMessages(t.Context(), &pb.ListMessagesRequest{
				CallerId: ann, ConversationId: single, AfterSeq: tt.after, BeforeSeq: tt.before,
			})
			if err != nil {
				t.Fatal(err)
			}
			tt.want.ConversationId, tt.want.Limit = single, 50
			if !proto.Equal(m.page, tt.want) {
				t.Errorf("the store is asked for %v, want %v", m.page, tt.want)
			}
			if len(resp.GetMessages()) != 1 || resp.GetLastSeq() != 8 || !resp.GetHasMore() {
				t.Errorf("answer is %v", resp)
			}
		})
	}
}

func TestListMessagesIsForMembers(t *testing.T) {
	tests := map[string]struct {
		conv   string
		caller int64
		want   contracts.Code
		floor  uint64
	}{
		"member of a single chat":         {single, ann, "", 0},
		"its other member":                {single, bob, "", 0},
		"outsider of a single chat":       {single, eve, contracts.CodeNotFound, 0},
		"member of a group":               {group, ann, "", joinSeq},
		"outsider of a group":             {group, eve, contracts.CodeNotFound, 0},
		"world":                           {world, eve, "", 0},
		"single chat that is not":         {string(contracts.SingleConversation(ann, eve)), ann, contracts.CodeNotFound, 0},
		"group that is not":               {"group_10", ann, contracts.CodeNotFound, 0},
		"no conversation":                 {"", ann, contracts.CodeNotFound, 0},
		"not an id":                       {"single_x", ann, contracts.CodeNotFound, 0},
		"not a group's id":                {"group_09", ann, contracts.CodeNotFound, 0},
		"world, but longer":               {"world2", ann, contracts.CodeNotFound, 0},
		"a single chat's id in upper":     {strings.ToUpper(single), ann, contracts.CodeNotFound, 0},
		"member of a single chat, nobody": {single, 0, contracts.CodeUnauthenticated, 0},
		"world, nobody":                   {world, 0, contracts.CodeUnauthenticated, 0},
		"world, a negative id":            {world, -1, contracts.CodeUnauthenticated, 0},
	}
	var told string
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, c, m := newService(t)
			_, err := s.ListMessages(t.Context(), &pb.ListMessagesRequest{CallerId: tt.caller, ConversationId: tt.conv})
			if c.asked > 0 && !contracts.ConversationID(tt.conv).Valid() {
				t.Error("the store was asked for what is no id")
			}
			if tt.want == "" {
				if err != nil || m.page.GetFloorSeq() != tt.floor {
					t.Errorf("reads above %d, %v; want %d", m.page.GetFloorSeq(), err, tt.floor)
				}
				return
			}
			e := wantCode(t, err, tt.want)
			if m.page != nil {
				t.Error("history was read")
			}
			if tt.want != contracts.CodeNotFound {
				return
			}
			if told == "" {
				told = e.GRPCStatus().String()
			}
			if got := e.GRPCStatus().String(); got != told {
				t.Errorf("one outsider is told %s, another %s: that tells what exists", got, told)
			}
		})
	}
}

func TestListMessagesNeedsOneWholeFact(t *testing.T) {
	for what, facts := range map[string]func([]*pb.Membership) []*pb.Membership{
		"no fact":                     func([]*pb.Membership) []*pb.Membership { return nil },
		"two facts":                   func(m []*pb.Membership) []*pb.Membership { return append(m, m...) },
		"member of what is not there": func([]*pb.Membership) []*pb.Membership { return []*pb.Membership{{Member: true}} },
	} {
		s, c, m := newService(t)
		c.facts = facts
		_, err := s.ListMessages(t.Context(), &pb.ListMessagesRequest{CallerId: ann, ConversationId: single})
		if wantCode(t, err, contracts.CodeNotFound); m.page != nil {
			t.Errorf("%s: history was read", what)
		}
	}
}

func TestGetOutcome(t *testing.T) {
	tests := map[string]struct {
		caller int64
		temp   string
		stored bool
		want   contracts.Code
	}{
		"one's own":        {ann, "t:1", true, ""},
		"another":          {ann, "t:2", false, ""},
		"somebody else's":  {bob, "t:1", false, ""},
		"at the longest":   {ann, strings.Repeat("t", 64), false, ""},
		"one too long":     {ann, strings.Repeat("t", 65), false, contracts.CodeInvalidArgument},
		"every kind":       {ann, "aZ09_.:-", false, ""},
		"none":             {ann, "", false, contracts.CodeInvalidArgument},
		"with a space":     {ann, "t 1", false, contracts.CodeInvalidArgument},
		"with an umlaut":   {ann, "tä", false, contracts.CodeInvalidArgument},
		"without a caller": {0, "t:1", false, contracts.CodeUnauthenticated},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, _, m := newService(t)
			resp, err := s.GetOutcome(t.Context(), &pb.GetOutcomeRequest{CallerId: tt.caller, TempMessageId: tt.temp})
			if tt.want != "" {
				e := wantCode(t, err, tt.want)
				if tt.want == contracts.CodeInvalidArgument && e.Fields["tempMessageId"] == "" {
					t.Errorf("fields are %v", e.Fields)
				}
				if m.outcome != nil {
					t.Error("the store was asked")
				}
				return
			}
			if err != nil || resp.GetStored() != tt.stored || m.outcome.GetSenderId() != tt.caller {
				t.Fatalf("got %v, %v; want stored %t", resp, err, tt.stored)
			}
			if tt.stored != proto.Equal(resp.GetMessage(), stored) || !tt.stored && resp.GetMessage() != nil {
				t.Errorf("message is %v", resp.GetMessage())
			}
		})
	}
}

func TestEveryVerbWhenTheStoreFails(t *testing.T) {
	list := func(conv string) func(*Service) error {
		return func(s *Service) error {
			_, err := s.ListMessages(t.Context(), &pb.ListMessagesRequest{CallerId: ann, ConversationId: conv})
			return err
		}
	}
	verbs := map[string]func(*Service) error{
		"history of a single chat": list(single), "history of a group": list(group),
		"outcome": func(s *Service) error {
			_, err := s.GetOutcome(t.Context(), &pb.GetOutcomeRequest{CallerId: ann, TempMessageId: "t:1"})
			return err
		},
	}
	causes := map[error]contracts.Code{
		contracts.NewError(contracts.CodeUnavailable, ""):     contracts.CodeUnavailable,
		context.DeadlineExceeded:                              contracts.CodeUnavailable,
		errors.New("no such column"):                          contracts.CodeInternal,
		contracts.Invalid("limit", "positive"):                contracts.CodeInternal,
		contracts.NewError(contracts.CodeInvalidArgument, ""): contracts.CodeInternal,
	}
	for cause, want := range causes {
		for what, call := range verbs {
			s, c, m := newService(t)
			m.err = cause
			e := wantCode(t, call(s), want)
			if !errors.Is(e, cause) || len(e.Fields) != 0 || e.Message != want.Spec().Message {
				t.Errorf("%s: got %v with %v: want the cause for the log and nothing of it for the client", what, e, e.Fields)
			}
			if what == "outcome" {
				continue
			}
			m.page, m.err, c.err = nil, nil, cause
			if wantCode(t, call(s), want); m.page != nil {
				t.Errorf("%s: read without knowing who is in", what)
			}
		}
	}
}
