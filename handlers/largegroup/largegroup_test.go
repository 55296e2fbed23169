package largegroup

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers/reach"
	"github.com/gochat/gochat/handlers/roster"
)

func TestEveryOnlineMemberInOrder(t *testing.T) {
	const n = 8*PageSize + 10
	f := newWorld(n)
	f.run(t, message(7), message(8), message(9))
	for u := int64(1); u <= n; u++ {
		want := 0
		if u%3 == 0 {
			want = 3
		}
		if len(f.got[u]) != want {
			t.Fatalf("member %d got %d messages, want %d", u, len(f.got[u]), want)
		}
		for i, frame := range f.got[u] {
			if !strings.Contains(frame, fmt.Sprint("message ", 7+i)) {
				t.Fatalf("member %d got %s at place %d", u, frame, i)
			}
		}
	}
	if f.records != 2*roster.Shards {
		t.Errorf("%d records, want one for each gateway and shard, whatever the number of messages", f.records)
	}
	if most := n/PageSize + 1 + roster.Shards; f.asked > most {
		t.Errorf("asked %d times where users are, for %d members", f.asked, n)
	}
}

// TestOneStepUpToALimit: a group of at most DirectMembers is not split, and its tasks are done together,
// whatever is between them in the run.
func TestOneStepUpToALimit(t *testing.T) {
	f := newWorld(DirectMembers)
	other := func(seq uint64) *pb.FanoutTask {
		task := message(seq)
		task.GroupId, task.ConversationId, task.Message.ConversationId = 2, "group_2", "group_2"
		return task
	}
	f.run(t, message(7), other(1), message(8), other(2), message(9))
	if len(f.tasks) != 0 {
		t.Errorf("split into %d shards", len(f.tasks))
	}
	if f.lists != 2*(DirectMembers/1000) || f.asked != 2*(DirectMembers/PageSize) {
		t.Errorf("%d pages of members and %d questions where they are, want each once for each group", f.lists, f.asked)
	}
	for u := int64(3); u <= DirectMembers; u += 3 {
		want := []string{"message 7", "message 8", "message 9", "message 1", "message 2"}
		if len(f.got[u]) != len(want) {
			t.Fatalf("member %d got %d messages", u, len(f.got[u]))
		}
		for i, frame := range f.got[u] {
			if !strings.Contains(frame, want[i]) {
				t.Fatalf("member %d got %s at place %d, want %s", u, frame, i, want[i])
			}
		}
	}
}

// TestAChangeOfMembersIsBetween: the messages before and after a change of the members go by lists of their
// own, in order.
func TestAChangeOfMembersIsBetween(t *testing.T) {
	f := newWorld(600)
	later := message(8)
	later.MembersVersion++
	last := message(9)
	last.MembersVersion++
	f.run(t, message(7), later, last)
	if f.asked != 2 {
		t.Errorf("asked %d times where members are, want once for each state of the group", f.asked)
	}
	for i, frame := range f.got[3] {
		if !strings.Contains(frame, fmt.Sprint("message ", 7+i)) {
			t.Errorf("got %s at place %d", frame, i)
		}
	}
	if len(f.got[3]) != 3 {
		t.Errorf("got %d of 3 messages", len(f.got[3]))
	}
}

func TestNothingForWhoJoinedLater(t *testing.T) {
	f := newWorld(12)
	f.joined[3], f.joined[6], f.joined[9] = 7, 8, 6
	f.run(t, message(7), message(8))
	for user, want := range map[int64]int{3: 1, 6: 0, 9: 2, 12: 2} {
		if len(f.got[user]) != want {
			t.Errorf("member %d got %v, want %d messages", user, f.got[user], want)
		}
	}
}

func TestFramesForMembersAndFormerOnes(t *testing.T) {
	f := newWorld(6)
	f.joined[3] = 100 // no join floor holds back an event, which has no number
	f.run(t, &pb.FanoutTask{GroupId: 1, ConversationId: "group_1", Frame: []byte("event"), ExtraUserIds: []int64{9, 300, 3}})
	for user, want := range map[int64]int{3: 1, 6: 1, 9: 1, 300: 1, 12: 0} {
		if len(f.got[user]) != want {
			t.Errorf("user %d got %v, want %d frames", user, f.got[user], want)
		}
	}
}

func TestGatewayWithoutSessionsGetsAll(t *testing.T) {
	f := newWorld(12)
	f.every = []string{"a"}
	f.run(t, message(1))
	if len(f.got[5]) != 1 || len(f.got[3]) != 2 {
		t.Errorf("copies: %v, want all on a and every sixth on b too", f.got)
	}
}

func TestFailureIsReturned(t *testing.T) {
	f := newWorld(DirectMembers + 1)
	f.fail = errors.New("away")
	small := newWorld(12)
	small.fail = f.fail
	shard := message(1)
	shard.Kind, shard.Shard = pb.FanoutTask_KIND_SHARD, roster.ShardOf(3)
	for name, c := range map[string]struct {
		world *fakeWorld
		task  *pb.FanoutTask
	}{"split": {f, message(1)}, "deliver to a shard": {f, shard}, "deliver": {small, message(1)}} {
		if err := c.world.handler().Handle(t.Context(), []*pb.FanoutTask{c.task}); !errors.Is(err, f.fail) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := f.handler().Handle(t.Context(), []*pb.FanoutTask{{Kind: 99}}); !contracts.IsPermanent(err) {
		t.Errorf("a task of no kind: %v", err)
	}
}

// TestTooManyUnknownGateways: members get a hint of the newest message, and a group event,
// which nobody can pull, goes everywhere.
func TestTooManyUnknownGateways(t *testing.T) {
	w := newWorld(600)
	for i := range reach.MaxUnsureGateways + 1 {
		w.every = append(w.every, fmt.Sprint("gw", i))
	}
	w.run(t, message(1), message(2))
	for u := int64(1); u <= w.n; u++ {
		if w.hinted[u] != 2 {
			t.Fatalf("user %d was told of %d", u, w.hinted[u])
		}
		if want := map[int64]int{0: 2, 3: 2}[u%6]; len(w.got[u]) != want {
			t.Fatalf("user %d got %d messages, want %d", u, len(w.got[u]), want)
		}
	}
	w = newWorld(600)
	for i := range reach.MaxUnsureGateways + 1 {
		w.every = append(w.every, fmt.Sprint("gw", i))
	}
	w.run(t, &pb.FanoutTask{GroupId: 1, ConversationId: "group_1", Frame: []byte("{}")})
	for u := int64(1); u <= w.n; u++ {
		if len(w.got[u]) < len(w.every) {
			t.Fatalf("user %d got the event through %d gateways", u, len(w.got[u]))
		}
	}
}

// TestTheListIsReadOnce: for all shards of a task, with and without a members version.
func TestTheListIsReadOnce(t *testing.T) {
	for _, version := range []int64{0, 3} {
		f := newWorld(DirectMembers + 100)
		h := f.handler()
		task := &pb.FanoutTask{GroupId: 1, ConversationId: "group_1", Frame: []byte("event"), MembersVersion: version}
		if err := h.Handle(t.Context(), []*pb.FanoutTask{task}); err != nil {
			t.Fatal(err)
		}
		for _, shard := range f.tasks {
			if err := h.Handle(t.Context(), shard); err != nil {
				t.Fatal(err)
			}
		}
		if len(f.got) != int(f.n/3) || f.lists != int(f.n/1000+1) {
			t.Errorf("version %d: %d members got it, and the list was read %d times", version, len(f.got), f.lists)
		}
	}
}
