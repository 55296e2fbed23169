package announce

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

type outbox struct {
	calls [][]handlers.Record
	err   error
}

func (o *outbox) Publish(_ context.Context, records ...handlers.Record) error {
	o.calls = append(o.calls, records)
	return o.err
}

func TestAnnounce(t *testing.T) {
	out := &outbox{}
	message := &pb.Message{SenderId: 1, ConversationId: "group_9", Content: "{}", MessageType: "system", TempMessageId: "system:7", Timestamp: 5, SeqId: 4}
	a := &pb.Announcement{
		GroupId: 9, ConversationId: "group_9", Event: contracts.EventMemberRemoved, ActorId: 1, UserIds: []int64{2}, FormerUserIds: []int64{2}, Message: message,
		MembersVersion: 17,
	}
	if err := New(out).Announce(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if len(out.calls) != 1 || len(out.calls[0]) != 2 {
		t.Fatalf("published %v, want both records at once", out.calls)
	}
	task := &pb.FanoutTask{}
	up := &pb.Upstream{}
	for _, r := range out.calls[0] {
		if r.Key != "group_9" {
			t.Fatalf("%s key %q", r.Topic, r.Key)
		}
		if r.Topic == contracts.TopicUpstream {
			up = r.Message.(*pb.Upstream)
		} else {
			task = r.Message.(*pb.FanoutTask)
		}
	}
	// The key of the message that is stored, so that the pipeline finds it.
	if up.GetSenderId() != 1 || up.GetTempMessageId() != "system:7" || up.GetMessageType() != "system" {
		t.Errorf("upstream %v", up)
	}
	if task.GetExtraUserIds()[0] != 2 || !strings.Contains(string(task.GetFrame()), `"event":"member-removed","actorId":"1","userIds":["2"]`) {
		t.Errorf("task %v", task)
	}
	if task.GetMembersVersion() != 17 {
		t.Errorf("the task is for membership %d, not 17: each part of it would read the list again", task.GetMembersVersion())
	}
	a.Message = nil
	out.err = errors.New("away")
	if err := New(out).Announce(t.Context(), a); !errors.Is(err, out.err) {
		t.Errorf("error %v", err)
	}
	if last := out.calls[1]; len(last) != 1 || last[0].Topic != contracts.TopicFanout {
		t.Errorf("without a message: %v", last)
	}
}
