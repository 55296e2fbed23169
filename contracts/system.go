package contracts

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Events of system messages and of group-event frames.
const (
	EventRecalled        = "message-recalled"
	EventEdited          = "message-edited"
	EventReactionAdded   = "reaction-added"
	EventReactionRemoved = "reaction-removed"

	EventCreated       = "created"
	EventUpdated       = "updated"
	EventMembersAdded  = "members-added"
	EventMemberRemoved = "member-removed"
	EventRoleChanged   = "role-changed"
	EventDissolved     = "dissolved"
)

// listedUsers is how many of an event's users its system message lists.
const listedUsers = 100

// SystemContent is what the content of every system message holds, as JSON.
type SystemContent struct {
	Event string `json:"event"`
	// SeqID is the number of the message that a change changes.
	SeqID uint64 `json:"seqId,omitempty"`
	// Content is the new text of an edit, until the message is recalled.
	Content  string `json:"content,omitempty"`
	Reaction string `json:"reaction,omitempty"`
	// UserIDs are the first hundred users at most; Count, of members-added only, is how many users there are in all.
	UserIDs []string `json:"userIds,omitempty"`
	Count   int      `json:"count,omitempty"`
}

// Text returns the content of the system message.
func (c SystemContent) Text() string {
	e := newEncoder()
	defer e.free()
	if err := e.add(c); err != nil {
		panic("encode a system message: " + err.Error()) // strings and numbers only
	}
	return e.out.String()
}

// MembersContent returns the content of a system message about members who came or went.
func MembersContent(event string, users []int64) SystemContent {
	c := SystemContent{Event: event, UserIDs: UserIDs(users[:min(len(users), listedUsers)])}
	if event == EventMembersAdded { // members are removed one at a time
		c.Count = len(users)
	}
	return c
}

// The kinds of changes, as clients name them.
const (
	ChangeRecall  = "recall"
	ChangeEdit    = "edit"
	ChangeReact   = "react"
	ChangeUnreact = "unreact"
)

// ChangeKinds has the kind of change by the name that clients use.
var ChangeKinds = map[string]pb.Change_Kind{
	ChangeRecall: pb.Change_KIND_RECALL, ChangeEdit: pb.Change_KIND_EDIT,
	ChangeReact: pb.Change_KIND_REACT, ChangeUnreact: pb.Change_KIND_UNREACT,
}

var changeEvents = map[pb.Change_Kind]string{
	pb.Change_KIND_RECALL: EventRecalled, pb.Change_KIND_EDIT: EventEdited,
	pb.Change_KIND_REACT: EventReactionAdded, pb.Change_KIND_UNREACT: EventReactionRemoved,
}

// ChangeContent returns the content of the system message as which a change is stored.
func ChangeContent(c *pb.Change) string {
	return SystemContent{
		Event: changeEvents[c.GetKind()], SeqID: c.GetSeqId(), Content: c.GetContent(), Reaction: c.GetReaction(),
	}.Text()
}

// Readable returns m as a member with the join floor floor may read it: without the new text of an edit whose target is
// at or below floor, since that text is the whole content of a message that the member may not read. It does not
// change m.
func Readable(m *pb.Message, floor uint64) *pb.Message {
	ch := m.GetChange()
	if ch.GetKind() != pb.Change_KIND_EDIT || ch.GetSeqId() > floor {
		return m
	}
	bare := proto.CloneOf(m)
	bare.Content = SystemContent{Event: EventEdited, SeqID: ch.GetSeqId()}.Text()
	bare.Change.Content = ""
	return bare
}
