package conversation

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// verbs are the calls about one conversation, others the calls that name none. Both come from the service's
// description, so that the tests of what every call must do include each new call.
var verbs, others = described()

func described() (verbs map[string]func(context.Context, *Service, int64, string) error, others map[string]func(context.Context, *Service, int64) error) {
	verbs, others = map[string]func(context.Context, *Service, int64, string) error{}, map[string]func(context.Context, *Service, int64) error{}
	for _, m := range pb.ConversationService_ServiceDesc.Methods {
		call := func(ctx context.Context, s *Service, fields map[protoreflect.Name]any) error {
			_, err := m.Handler(s, ctx, func(in any) error { fill(in.(proto.Message).ProtoReflect(), fields); return nil }, nil)
			return err
		}
		if !names(protoreflect.Name(m.MethodName), "conversation_id") {
			others[m.MethodName] = func(ctx context.Context, s *Service, caller int64) error {
				return call(ctx, s, map[protoreflect.Name]any{"caller_id": caller, "peer_id": int64(bob)})
			}
			continue
		}
		verbs[m.MethodName] = func(ctx context.Context, s *Service, caller int64, conv string) error {
			return call(ctx, s, map[protoreflect.Name]any{"caller_id": caller, "conversation_id": conv, "seq_id": uint64(3)})
		}
	}
	return verbs, others
}

// names reports whether the request of a call has a field of that name.
func names(call protoreflect.Name, field protoreflect.Name) bool {
	service := pb.File_gochat_v1_logic_proto.Services().ByName("ConversationService")
	return service.Methods().ByName(call).Input().Fields().ByName(field) != nil
}

// fill sets those of the fields that a request has.
func fill(in protoreflect.Message, fields map[protoreflect.Name]any) {
	for name, v := range fields {
		if f := in.Descriptor().Fields().ByName(name); f != nil {
			in.Set(f, protoreflect.ValueOf(v))
		}
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	const yes, no, anon = contracts.Code(""), contracts.CodeNotFound, contracts.CodeUnauthenticated
	cases := map[string]struct {
		conv   string
		caller int64
		want   contracts.Code
	}{
		"member of a single chat":        {single, ann, yes},
		"its peer":                       {single, bob, yes},
		"outsider of a single chat":      {single, eve, no},
		"member of a group":              {group, zoe, yes},
		"outsider of a group":            {group, eve, no},
		"anyone in world":                {world, eve, yes},
		"outsider of a dissolved group":  {gone, eve, no},
		"a group that is not":            {"group_77", ann, no},
		"a single chat that is not":      {string(contracts.SingleConversation(ann, eve)), ann, no},
		"no conversation":                {"", ann, no},
		"no id":                          {"single_zz", ann, no},
		"a group's id with a zero":       {"group_09", ann, no},
		"a group's id and more":          {group + " ", ann, no},
		"world in another case":          {"World", ann, no},
		"nobody in a single chat":        {single, 0, anon},
		"nobody in world":                {world, 0, anon},
		"a negative id in a single chat": {single, -1, anon},
	}
	for verb, call := range verbs {
		told := ""
		for what, tt := range cases {
			t.Run(verb+"/"+what, func(t *testing.T) {
				s, f, n := newService(t, Config{})
				err := call(t.Context(), s, tt.caller, tt.conv)
				if !contracts.ConversationID(tt.conv).Valid() && f.calls > 0 {
					t.Error("the store was asked for what is no id")
				}
				if tt.want == yes {
					if err != nil {
						t.Error(err)
					}
					return
				}
				e := wantCode(t, err, tt.want)
				if len(n.sent) != 0 {
					t.Errorf("somebody was told: %v", n.sent)
				}
				if tt.want == anon && f.calls > 0 {
					t.Error("the store was asked for nobody")
				}
				if tt.want != no {
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
}

func TestEveryOtherVerbNeedsACaller(t *testing.T) {
	for what, call := range others {
		for _, caller := range []int64{0, -1} {
			s, f, _ := newService(t, Config{})
			wantCode(t, call(t.Context(), s, caller), contracts.CodeUnauthenticated)
			if f.calls > 0 {
				t.Errorf("%s: the store was asked", what)
			}
		}
	}
}

func TestEveryVerbWhenTheStoreFails(t *testing.T) {
	all := map[string]func(context.Context, *Service, int64) error{}
	for what, call := range others {
		all[what] = call
	}
	for what, call := range verbs {
		all[what] = func(ctx context.Context, s *Service, caller int64) error { return call(ctx, s, caller, single) }
	}
	causes := map[string]struct {
		cause error
		want  contracts.Code
	}{
		"down":           {contracts.NewError(contracts.CodeUnavailable, ""), contracts.CodeUnavailable},
		"too slow":       {context.DeadlineExceeded, contracts.CodeUnavailable},
		"broken":         {errors.New("no such column"), contracts.CodeInternal},
		"refuses us":     {contracts.NewError(contracts.CodeUnauthenticated, ""), contracts.CodeInternal},
		"finds us wrong": {contracts.Invalid("user_id", "set"), contracts.CodeInternal},
	}
	for what, call := range all {
		for why, tt := range causes {
			t.Run(what+"/"+why, func(t *testing.T) {
				s, f, _ := newService(t, Config{})
				f.err = tt.cause
				e := wantCode(t, call(t.Context(), s, ann), tt.want)
				if !errors.Is(e, tt.cause) || len(e.Fields) != 0 || e.Message != tt.want.Spec().Message {
					t.Errorf("got %v with %v: want the cause for the log and nothing of it for the client", e, e.Fields)
				}
			})
		}
	}
}

func TestCreateSingle(t *testing.T) {
	tests := map[string]struct {
		peer int64
		want contracts.Code
	}{
		"a peer":        {bob, ""},
		"oneself":       {ann, contracts.CodeInvalidArgument},
		"no id":         {0, contracts.CodeInvalidArgument},
		"a negative id": {-2, contracts.CodeInvalidArgument},
		"nobody":        {99, contracts.CodeNotFound},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, f, _ := newService(t, Config{})
			resp, err := s.CreateSingle(t.Context(), &pb.CreateSingleRequest{CallerId: ann, PeerId: tt.peer})
			if tt.want != "" {
				e := wantCode(t, err, tt.want)
				if invalid := tt.want == contracts.CodeInvalidArgument; invalid != (e.Fields["peerId"] != "") || invalid != (f.calls == 0) {
					t.Errorf("fields are %v after %d calls", e.Fields, f.calls)
				}
				return
			}
			if err != nil || resp.GetConversation().GetConversationId() != single {
				t.Errorf("got %v, %v", resp, err)
			}
			if f.ensured.GetUserId() != ann || f.ensured.GetPeerId() != tt.peer {
				t.Errorf("made for %v", f.ensured)
			}
		})
	}
}

func TestListBounds(t *testing.T) {
	for asked, want := range map[int32]int32{0: 50, 1: 1, 199: 199, 200: 200, 201: -1, -1: -1, math.MaxInt32: -1, math.MinInt32: -1} {
		s, f, _ := newService(t, Config{})
		resp, err := s.List(t.Context(), &pb.ConversationServiceListRequest{CallerId: ann, Limit: asked})
		if want < 0 {
			if e := wantCode(t, err, contracts.CodeInvalidArgument); e.Fields["limit"] != "1 to 200" || f.calls > 0 {
				t.Errorf("limit %d: fields are %v after %d calls", asked, e.Fields, f.calls)
			}
			continue
		}
		if err != nil || f.list.GetLimit() != want || f.list.GetUserId() != ann {
			t.Errorf("limit %d: the store is asked for %v, %v; want %d", asked, f.list, err, want)
		}
		if len(resp.GetConversations()) != 1 || resp.GetNextCursor() != "next" {
			t.Errorf("answer is %v", resp)
		}
	}
}

func TestListCursor(t *testing.T) {
	tests := map[string]struct {
		cursor  string
		ok, ask bool
	}{
		"none":                        {"", true, true},
		"from a former answer":        {"next", true, true},
		"made up":                     {"made up", false, true},
		"at the longest, but made up": {strings.Repeat("c", 512), false, true},
		"one too long":                {strings.Repeat("c", 513), false, false},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			s, f, _ := newService(t, Config{})
			_, err := s.List(t.Context(), &pb.ConversationServiceListRequest{CallerId: ann, Cursor: tt.cursor})
			if asked := f.list != nil; asked != tt.ask || asked && f.list.GetCursor() != tt.cursor {
				t.Errorf("the store is asked for %v", f.list)
			}
			if tt.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := wantCode(t, err, contracts.CodeInvalidArgument)
			if must := e.Fields["cursor"]; must == "" || strings.Contains(must, "store") {
				t.Errorf("fields are %v", e.Fields)
			}
		})
	}
}
