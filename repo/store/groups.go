package store

import "context"

// Groups makes and changes groups. Each change is one transaction that leaves an announcement. When
// members come or go, the transaction also stores the announced system message as the newest
// message of the group's conversation.
type Groups interface {
	// StoreGroup makes a group of g.OwnerID and members. A repeated call with the same
	// announcementID changes nothing. ErrNotFound when one of them is no user, ErrExists when
	// the id is taken.
	StoreGroup(ctx context.Context, g GroupInfo, members []int64, announcementID int64) (GroupChanged, error)
	// ChangeGroup makes one change; a repeated call with the same AnnouncementID returns what was
	// done. ErrNotFound when there is no such group or it is dissolved, when the actor has to be a
	// member and is not, or when a user that c names does not exist or is no member; ErrForbidden;
	// ErrTooLarge. In a dissolved group only the actor's own removal is possible, in any role: it
	// leaves no announcement, and repeating it is no error.
	ChangeGroup(ctx context.Context, c GroupChange) (GroupChanged, error)
	// GroupMembers returns those of the users who are members of the group.
	GroupMembers(ctx context.Context, groupID int64, users []int64) ([]GroupMember, error)
	// PageMembers lists up to limit members with user ids above after, ascending.
	PageMembers(ctx context.Context, groupID, after int64, limit int) ([]GroupMember, error)
}

// Announcements keeps the announcements that are not known to be in the queue yet.
type Announcements interface {
	// Announcements lists up to limit announcements from before a time in Unix milliseconds, oldest
	// first.
	Announcements(ctx context.Context, before int64, limit int) ([]Announcement, error)
	// DropAnnouncements deletes announcements, once they are in the queue.
	DropAnnouncements(ctx context.Context, ids []int64) error
}

// GroupMember is a user in a group. JoinedAt is in Unix milliseconds.
type GroupMember struct {
	UserID   int64
	Role     string
	JoinedAt int64
}

// GroupChange is one change of a group, and who may make it.
type GroupChange struct {
	GroupID, ActorID int64
	// The actor must have one of ActorRoles. In a group with the join policy "open", one of
	// OpenRoles is enough, and with AnyOpen the actor need not be a member.
	ActorRoles, OpenRoles []string
	AnyOpen               bool
	// AnnouncementID and MessageID are the ids of the announcement and of the system message that
	// the change makes; At is in Unix milliseconds.
	AnnouncementID, MessageID, At int64

	// Exactly one of these is set.
	Patch    *GroupPatch
	Add      *GroupAdd
	Remove   *GroupRemove
	Role     *GroupRole
	Dissolve bool
}

// GroupPatch changes the fields that are not nil.
type GroupPatch struct{ Name, Announcement, JoinPolicy *string }

// GroupAdd adds users.
type GroupAdd struct {
	Users []int64
	// WholeHistory lets the new members read messages from before they joined.
	WholeHistory bool
	// Most is how many members the group may have.
	Most int64
}

// GroupRemove removes a member who has one of the roles.
type GroupRemove struct {
	UserID      int64
	TargetRoles []string
}

// GroupRole gives a member another role. When that is the owner's role, the actor becomes an admin.
type GroupRole struct {
	UserID int64
	Role   string
}

// GroupChanged is the result of a change.
type GroupChanged struct {
	Group GroupInfo
	// Added and Already are the users of a GroupAdd who became members, and who were members before.
	Added, Already []int64
	// Member is the member of a GroupRole after the change.
	Member *GroupMember
	// Announcement is nil when nothing changed.
	Announcement *Announcement
	// Committed is for caches; nil when there is no new message.
	Committed *Committed
}

// Announcement says what a change of a group has done.
type Announcement struct {
	ID             int64   `json:"id"`
	At             int64   `json:"at"`
	GroupID        int64   `json:"groupId"`
	ConversationID string  `json:"conversationId"`
	Event          string  `json:"event"`
	ActorID        int64   `json:"actorId"`
	UserIDs        []int64 `json:"userIds,omitempty"`
	// Former are users who are told although they are not members any more.
	Former         []int64 `json:"former,omitempty"`
	MembersVersion int64   `json:"membersVersion"`
	// Message is the system message; nil when the change has none.
	Message *Message `json:"message,omitempty"`
}
