package conversation

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

func TestReadNeverMovesBackNorPastTheEnd(t *testing.T) {
	s, _, n := newService(t, Config{})
	steps := []struct {
		seq, read, unread uint64
		told              bool
	}{
		{0, 0, 10, false}, {4, 4, 6, true}, {4, 4, 6, false}, {3, 4, 6, false}, {0, 4, 6, false}, {9, 9, 1, true},
		{11, 10, 0, true}, {math.MaxUint64, 10, 0, false}, {1, 10, 0, false},
	}
	for _, step := range steps {
		n.sent = nil
		resp, err := s.Read(t.Context(), &pb.ReadRequest{CallerId: ann, ConversationId: single, SeqId: step.seq})
		if err != nil || resp.GetReadSeq() != step.read || resp.GetUnread() != step.unread {
			t.Errorf("read %d: got %v, %v; want %d and %d unread", step.seq, resp, err, step.read, step.unread)
		}
		if told := len(n.sent) == 1; told != step.told {
			t.Errorf("read %d: told %v, want %t", step.seq, n.sent, step.told)
		}
		if step.told && string(n.sent[0].d.GetFrame()) != readFrame(single, ann, step.read) {
			t.Errorf("read %d: told %s", step.seq, n.sent[0].d.GetFrame())
		}
	}
}

func readFrame(conv string, user int, seq uint64) string {
	return fmt.Sprintf(`{"type":"read","data":{"conversationId":%q,"userId":"%d","readSeq":%d}}`, conv, user, seq)
}

func TestReadTells(t *testing.T) {
	tests := map[string]struct {
		conv   string
		caller int64
		to     []contracts.UserID
	}{
		"a single chat":                {single, ann, ids(ann, bob)},
		"a single chat from its peer":  {single, bob, ids(bob, ann)},
		"a group: oneself only":        {group, ann, ids(ann)},
		"world: oneself only":          {world, ann, ids(ann)},
		"a dissolved group: as before": {gone, ann, ids(ann)},
	}
	for what, tt := range tests {
		for _, conn := range []string{"", "connection-1"} {
			t.Run(what+"/"+conn, func(t *testing.T) {
				s, _, n := newService(t, Config{})
				in := &pb.ReadRequest{CallerId: tt.caller, ConversationId: tt.conv, SeqId: 7, ConnectionId: conn}
				if _, err := s.Read(t.Context(), in); err != nil {
					t.Fatal(err)
				}
				if len(n.sent) != 1 {
					t.Fatalf("told %v, want one delivery", n.sent)
				}
				got := n.sent[0]
				if !slices.Equal(got.to, tt.to) || got.d.GetExceptConnectionId() != conn || got.d.GetOnlyConnectionId() != "" || got.d.GetEveryone() {
					t.Errorf("told %v: %v; want %v except %q", got.to, got.d, tt.to, conn)
				}
				if want := readFrame(tt.conv, int(tt.caller), 7); string(got.d.GetFrame()) != want {
					t.Errorf("frame is %s, want %s", got.d.GetFrame(), want)
				}
				if got.d.GetFrameType() != contracts.FrameRead || got.d.GetClass() != pb.Delivery_CLASS_EVENT {
					t.Errorf("it goes as %q of %v, want an event", got.d.GetFrameType(), got.d.GetClass())
				}
			})
		}
	}
}

func TestReadGoesWellThoughNobodyIsTold(t *testing.T) {
	s, f, n := newService(t, Config{})
	n.err = errors.New("broker is down")
	resp, err := s.Read(t.Context(), &pb.ReadRequest{CallerId: ann, ConversationId: single, SeqId: 7})
	if err != nil || resp.GetReadSeq() != 7 || f.read[single] != 7 {
		t.Errorf("got %v, %v: the position is moved", resp, err)
	}
}

func TestReadAsksForWhatADatabaseHolds(t *testing.T) {
	s, f, _ := newService(t, Config{})
	for seq, want := range map[uint64]uint64{0: 0, math.MaxInt64: math.MaxInt64, math.MaxInt64 + 1: math.MaxInt64, math.MaxUint64: math.MaxInt64} {
		if _, err := s.Read(t.Context(), &pb.ReadRequest{CallerId: ann, ConversationId: single, SeqId: seq}); err != nil {
			t.Error(err)
		}
		if f.marked.GetSeqId() != want || f.marked.GetUserId() != ann || f.marked.GetConversationId() != single {
			t.Errorf("read %d: the store is told %v", seq, f.marked)
		}
	}
}

func TestUnreadNeverWrapsAround(t *testing.T) {
	for in, want := range map[[2]uint64]uint64{{10, 4}: 6, {10, 10}: 0, {10, 11}: 0, {0, math.MaxUint64}: 0} {
		if got := unread(in[0], in[1]); got != want {
			t.Errorf("unread(%d, %d) is %d, want %d", in[0], in[1], got, want)
		}
	}
}
