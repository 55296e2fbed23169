package store

// User is an account without its secret.
type User struct {
	ID        int64
	Username  string
	Nickname  string
	AvatarURL string
	CreatedAt int64
	// Version grows with each change, so that a cache can tell old from new.
	Version int64
}

// UserChange is a change of a profile; nil leaves a field as it is.
type UserChange struct {
	Nickname, AvatarURL *string
}

// GroupInfo is a group.
type GroupInfo struct {
	ID             int64
	ConversationID string
	Name           string
	Announcement   string
	OwnerID        int64
	MemberCount    int64
	JoinPolicy     string
	CreatedAt      int64
	// DissolvedAt is 0 for a group that lives.
	DissolvedAt int64
}

// Conversation is a conversation as one of its members sees it.
type Conversation struct {
	ID      string
	Type    Type
	PeerID  int64
	GroupID int64
	LastSeq uint64
	ReadSeq uint64
	JoinSeq uint64
	Changed uint64
	Expired uint64
	// LastMessageAt and MessageSeq are of the newest message that is no system message; MessageSeq
	// is 0 when there is none that the member may read. Unread counts such messages after ReadSeq.
	// Of conversations from Searchable, MessageSeq and Unread mean nothing.
	LastMessageAt int64
	MessageSeq    uint64
	Unread        uint64
	// PeerReadSeq and PeerDeliveredSeq are of a single chat's other user.
	PeerReadSeq, PeerDeliveredSeq uint64
}

// FirstSend is a message to a user with whom the sender has no single chat yet.
type FirstSend struct {
	SenderID, ReceiverID int64
	ClientID             string
}

// FirstSent says what BeginSingles did for a FirstSend.
type FirstSent struct {
	// Stored is the message when it was stored at an earlier time, in whatever conversation. No chat is made then.
	Stored *Message
	// There is set when the chat exists. When neither is set the chat could not be made; EnsureSingle tells why.
	There bool
}

// MembershipKey asks whether a user is in a conversation.
type MembershipKey struct {
	ConversationID string
	UserID         int64
}

// Facts are what a conversation is, whoever asks.
type Facts struct {
	Type      Type
	Dissolved bool
	// UserIDs are both users of a single chat.
	UserIDs []int64
	GroupID int64
	// MembersVersion grows with each change of who is in a group. GroupSize is the number of
	// members; for a minute after members left, the greatest number within that time.
	MembersVersion, GroupSize int64
}

// Standing is a member's place in a conversation.
type Standing struct {
	// JoinSeq is the join floor.
	JoinSeq uint64
	// Role is the role in a group.
	Role string
}

// News is a conversation of a user, in which the user's client may lack messages.
type News struct {
	ConversationID string
	Type           Type
	LastSeq        uint64
	ReadSeq        uint64
	JoinSeq        uint64
	Changed        uint64
	Expired        uint64
}

// Read is the result of moving a read position.
type Read struct {
	ReadSeq uint64
	LastSeq uint64
	Unread  uint64
	Moved   bool
	Type    Type
	PeerID  int64
}
