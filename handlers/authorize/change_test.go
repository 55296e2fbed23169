package authorize

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

const (
	sentAt = 1_000_000
	me     = 1
	other  = 2
)

// messages: 1 is mine, 2 somebody else's, 3 a system message, 4 recalled, 5 mine and before the
// member joined.
func messages() map[uint64]*pb.Message {
	return map[uint64]*pb.Message{
		11: {SeqId: 11, SenderId: me, Timestamp: sentAt, MessageType: "text"},
		12: {SeqId: 12, SenderId: other, Timestamp: sentAt, MessageType: "text"},
		13: {SeqId: 13, SenderId: me, Timestamp: sentAt, MessageType: "system"},
		14: {SeqId: 14, SenderId: me, Timestamp: sentAt, MessageType: "text", RecalledAt: 5},
		5:  {SeqId: 5, SenderId: me, Timestamp: sentAt, MessageType: "text"},
	}
}

func TestWhoMayChangeWhat(t *testing.T) {
	group := func(role string) *pb.Membership {
		return &pb.Membership{Exists: true, Member: true, Type: pb.ConversationType_CONVERSATION_TYPE_GROUP, Role: role, JoinSeq: 10}
	}
	single := &pb.Membership{Exists: true, Member: true, Type: pb.ConversationType_CONVERSATION_TYPE_SINGLE}
	cfg := DefaultConfig()
	late := func(window time.Duration) int64 { return sentAt + window.Milliseconds() + 1 }
	edit, recall, react := pb.Change_KIND_EDIT, pb.Change_KIND_RECALL, pb.Change_KIND_REACT
	for name, tc := range map[string]struct {
		in      *pb.Membership
		kind    pb.Change_Kind
		seq     uint64
		at      int64
		want    contracts.Code
		asAdmin bool
	}{
		"edit one's own":                        {in: single, kind: edit, seq: 11},
		"edit at the last moment":               {in: single, kind: edit, seq: 11, at: late(cfg.EditWindow) - 1},
		"edit too late":                         {in: single, kind: edit, seq: 11, at: late(cfg.EditWindow), want: contracts.CodePermissionDenied},
		"edit somebody else's":                  {in: single, kind: edit, seq: 12, want: contracts.CodePermissionDenied},
		"edit somebody else's as owner":         {in: group("owner"), kind: edit, seq: 12, want: contracts.CodePermissionDenied},
		"edit a system message":                 {in: single, kind: edit, seq: 13, want: contracts.CodeConflict},
		"edit what was recalled":                {in: single, kind: edit, seq: 14, want: contracts.CodeConflict},
		"recall one's own":                      {in: single, kind: recall, seq: 11},
		"recall too late":                       {in: single, kind: recall, seq: 11, at: late(cfg.RecallWindow), want: contracts.CodePermissionDenied},
		"recall too late as admin":              {in: group("admin"), kind: recall, seq: 11, at: late(cfg.RecallWindow), asAdmin: true},
		"recall one's own in time as admin":     {in: group("admin"), kind: recall, seq: 11},
		"recall somebody else's":                {in: group("member"), kind: recall, seq: 12, want: contracts.CodePermissionDenied},
		"recall somebody else's as owner":       {in: group("owner"), kind: recall, seq: 12, asAdmin: true},
		"recall in a single chat has no admins": {in: single, kind: recall, seq: 12, want: contracts.CodePermissionDenied},
		"recall twice":                          {in: group("owner"), kind: recall, seq: 14, want: contracts.CodeConflict},
		"react to somebody else's, at any time": {in: single, kind: react, seq: 12, at: late(time.Hour)},
		"react to what is not there":            {in: single, kind: react, seq: 99, want: contracts.CodeNotFound},
		"react to number 0":                     {in: single, kind: react, seq: 0, want: contracts.CodeNotFound},
		"change what was before one joined":     {in: group("owner"), kind: edit, seq: 5, want: contracts.CodeNotFound},
		"a single chat is readable from the start": {in: &pb.Membership{
			Exists: true, Member: true, Type: pb.ConversationType_CONVERSATION_TYPE_SINGLE, JoinSeq: 10,
		}, kind: edit, seq: 5},
		"no such change": {in: single, kind: 99, seq: 11, want: contracts.CodeInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.at == 0 {
				tc.at = sentAt
			}
			dir := &fakeDirectory{facts: map[string]*pb.Membership{"c": tc.in}, history: messages()}
			up := &pb.Upstream{
				SenderId: me, ConversationId: "c", TempMessageId: "t", AcceptedAt: tc.at,
				// AsAdmin is the server's to set: a client's claim is overwritten.
				Change: &pb.Change{Kind: tc.kind, SeqId: tc.seq, AsAdmin: true},
			}
			it := run(t, dir, up, nil)
			var got contracts.Code
			if it.Reason() != nil {
				got = it.Reason().Code
			}
			if got != tc.want || tc.want == "" && up.GetChange().GetAsAdmin() != tc.asAdmin {
				t.Errorf("rejected %q as admin %v, want %q %v", got, up.GetChange().GetAsAdmin(), tc.want, tc.asAdmin)
			}
		})
	}
}

func run(t *testing.T, dir *fakeDirectory, up *pb.Upstream, want error) *handlers.Item {
	t.Helper()
	it := &handlers.Item{Upstream: up}
	next := func(context.Context, *handlers.Envelope) error { return nil }
	err := New(NewWindows(DefaultConfig()), dir, dir, dir)(next)(t.Context(), &handlers.Envelope{Items: []*handlers.Item{it}})
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	return it
}

// TestRecalledByItself: a recall that is handled again finds its target recalled, and is found stored instead
// of being rejected.
func TestRecalledByItself(t *testing.T) {
	dir := &fakeDirectory{
		facts: map[string]*pb.Membership{"c": {Exists: true, Member: true}}, history: messages(),
		stored: map[string]*pb.Message{"t": {MessageId: 9}},
	}
	it := run(t, dir, &pb.Upstream{
		SenderId: me, ConversationId: "c", TempMessageId: "t", Change: &pb.Change{Kind: pb.Change_KIND_RECALL, SeqId: 14},
	}, nil)
	if it.Message().GetMessageId() != 9 || it.Reason() != nil {
		t.Errorf("stored %v rejected %v, want what was stored then", it.Message(), it.Reason())
	}
}

// TestStoreAwayIsNoRejection: without an answer nothing is decided.
func TestStoreAwayIsNoRejection(t *testing.T) {
	away := errors.New("away")
	dir := &fakeDirectory{facts: map[string]*pb.Membership{"c": {Exists: true, Member: true}}, broken: away}
	it := run(t, dir, &pb.Upstream{SenderId: me, ConversationId: "c", TempMessageId: "t", Change: &pb.Change{Kind: 1, SeqId: 11}}, away)
	if it.Reason() != nil {
		t.Error("it is rejected")
	}
}
