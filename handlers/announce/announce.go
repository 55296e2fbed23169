// Package announce publishes the announcement of a change of a group: its system message goes through the
// pipeline, which finds the message stored and delivers it, and fanout sends the group-event to the members.
package announce

import (
	"context"
	"fmt"

	"github.com/gochat/gochat/contracts"
	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
	"github.com/gochat/gochat/handlers"
)

// Announcer hands announcements to the queue. Safe for concurrent use.
type Announcer struct{ out handlers.Outbox }

// New returns an announcer.
func New(out handlers.Outbox) *Announcer { return &Announcer{out: out} }

// Announce returns once the queue has the announcement durably. To announce it again delivers it again, the
// system message under the same number: clients drop what they have.
func (a *Announcer) Announce(ctx context.Context, in *pb.Announcement) error {
	task := &pb.FanoutTask{
		GroupId: in.GetGroupId(), ConversationId: in.GetConversationId(), ExtraUserIds: in.GetFormerUserIds(),
		MembersVersion: in.GetMembersVersion(),
		Frame: contracts.EncodeFrame(contracts.FrameGroup, contracts.GroupEventData{
			ConversationID: in.GetConversationId(), GroupID: contracts.GroupID(in.GetGroupId()).String(), Event: in.GetEvent(),
			ActorID: contracts.UserID(in.GetActorId()).String(), UserIDs: contracts.UserIDs(in.GetUserIds()),
		}),
	}
	records := []handlers.Record{{Topic: contracts.TopicFanout, Key: in.GetConversationId(), Message: task}}
	if m := in.GetMessage(); m != nil {
		records = append(records, handlers.Record{Topic: contracts.TopicUpstream, Key: m.GetConversationId(), Message: &pb.Upstream{
			SenderId: m.GetSenderId(), ConversationId: m.GetConversationId(), Content: m.GetContent(),
			MessageType: m.GetMessageType(), TempMessageId: m.GetTempMessageId(), AcceptedAt: m.GetTimestamp(),
		}})
	}
	if err := a.out.Publish(ctx, records...); err != nil {
		return fmt.Errorf("announce a change of group %d: %w", in.GetGroupId(), err)
	}
	return nil
}
