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

// listedUsers is how many of those whom an event is about its system message names.
const listedUsers = 100

// SystemContent is what the content of every system message holds, as JSON.
type SystemContent struct {
	Event string `json:"event"`
	// SeqID is the message that a change is about.
	SeqID uint64 `json:"seqId,omitempty"`
	// Content is the new text of an edit, until the message is recalled.
	Content  string `json:"content,omitempty"`
	Reaction string `json:"reaction,omitempty"`
	// UserIDs are at most the first hundred; Count is how many they are in all.
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

// MembersContent returns what a system message says of members who came or went.
func MembersContent(event string, users []int64) SystemContent {
	c := SystemContent{Event: event, UserIDs: UserIDs(users[:min(len(users), listedUsers)])}
	if event == EventMembersAdded { // removed is one at a time
		c.Count = len(users)
	}
	return c
}

// Words of a client for changes of a message.
const (
	ChangeRecall  = "recall"
	ChangeEdit    = "edit"
	ChangeReact   = "react"
	ChangeUnreact = "unreact"
)

// ChangeKinds are the words of changes.
var ChangeKinds = map[string]pb.Change_Kind{
	ChangeRecall: pb.Change_KIND_RECALL, ChangeEdit: pb.Change_KIND_EDIT,
	ChangeReact: pb.Change_KIND_REACT, ChangeUnreact: pb.Change_KIND_UNREACT,
}

var changeEvents = map[pb.Change_Kind]string{
	pb.Change_KIND_RECALL: EventRecalled, pb.Change_KIND_EDIT: EventEdited,
	pb.Change_KIND_REACT: EventReactionAdded, pb.Change_KIND_UNREACT: EventReactionRemoved,
}

// ChangeContent returns the content of the system message that a change is.
func ChangeContent(c *pb.Change) string {
	return SystemContent{
		Event: changeEvents[c.GetKind()], SeqID: c.GetSeqId(), Content: c.GetContent(), Reaction: c.GetReaction(),
	}.Text()
}

// Readable returns a message as a member may read it who has nothing up to the number floor. An
// edit has the whole new text of the message that it changes: without it for those who joined after
// that message.
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
