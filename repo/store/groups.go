package store

import "context"

// Groups makes and changes groups. Each call is one transaction with an announcement of
// what it has to tell, and makes what it announces the newest message of the group's
// conversation where members come or go.
type Groups interface {
	// StoreGroup makes a group; g names its owner, members are the others. ErrNotFound
	// when one of them is no user, ErrExists.
	StoreGroup(ctx context.Context, g GroupInfo, members []int64, announcementID int64) (GroupChanged, error)
	// ChangeGroup makes one change. ErrNotFound when the group is no more, the actor is not
	// in it and need be, or somebody named does not exist; ErrForbidden; ErrTooLarge. Of a
	// dissolved group only the actor's own removal is made, whatever their role, and told to
	// nobody; once made, it is no error again.
	ChangeGroup(ctx context.Context, c GroupChange) (GroupChanged, error)
	// GroupMembers reads those of the users that are in the group.
	GroupMembers(ctx context.Context, groupID int64, users []int64) ([]GroupMember, error)
	// PageMembers lists members that come after a user, ascending.
	PageMembers(ctx context.Context, groupID, after int64, limit int) ([]GroupMember, error)
}

// Announcements are what changes of groups still have to tell.
type Announcements interface {
	// Announcements reads those made before a time in Unix milliseconds, oldest first.
	Announcements(ctx context.Context, before int64, limit int) ([]Announcement, error)
	// DropAnnouncements forgets what was told.
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
	// ActorRoles are those that the actor must have one of. OpenRoles are enough where the
	// join policy is open; with AnyOpen the actor need not even be a member then.
	ActorRoles, OpenRoles []string
	AnyOpen               bool
	// AnnouncementID and MessageID are for what the change tells; At is in Unix milliseconds.
	AnnouncementID, MessageID, At int64

	// One of these is set.
	Patch    *GroupPatch
	Add      *GroupAdd
	Remove   *GroupRemove
	Role     *GroupRole
	Dissolve bool
}

// GroupPatch changes what is set.
type GroupPatch struct{ Name, Announcement, JoinPolicy *string }

// GroupAdd adds users.
type GroupAdd struct {
	Users []int64
	// WholeHistory lets them read what was before them.
	WholeHistory bool
	// Most is how many members the group may have.
	Most int64
}

// GroupRemove removes a member who has one of the roles.
type GroupRemove struct {
	UserID      int64
	TargetRoles []string
}

// GroupRole gives a member another role; with that of the owner the actor becomes an admin.
type GroupRole struct {
	UserID int64
	Role   string
}

// GroupChanged is what a change came to.
type GroupChanged struct {
	Group GroupInfo
	// Added and Already are of an add.
	Added, Already []int64
	// Member is of a role.
	Member *GroupMember
	// Announcement is nil when nothing changed.
	Announcement *Announcement
	// Committed is for caches; nil when there is no new message.
	Committed *Committed
}

// Announcement is what a change of a group has to tell.
type Announcement struct {
	ID             int64   `json:"id"`
	At             int64   `json:"at"`
	GroupID        int64   `json:"groupId"`
	ConversationID string  `json:"conversationId"`
	Event          string  `json:"event"`
	ActorID        int64   `json:"actorId"`
	UserIDs        []int64 `json:"userIds,omitempty"`
	// Former are told without being members any longer.
	Former         []int64 `json:"former,omitempty"`
	MembersVersion int64   `json:"membersVersion"`
	// Message is the system message; nil when the change has none.
	Message *Message `json:"message,omitempty"`
}
