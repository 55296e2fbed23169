package contracts

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits are the limits of the client contract; all are configurable.
type Limits struct {
	UsernameMin       int `mapstructure:"username_min"`
	UsernameMax       int `mapstructure:"username_max"`
	PasswordMin       int `mapstructure:"password_min"` // bytes
	PasswordMax       int `mapstructure:"password_max"` // bytes; bcrypt reads no more than 72
	NicknameMax       int `mapstructure:"nickname_max"` // characters
	AvatarURLMax      int `mapstructure:"avatar_url_max"`
	ContentMax        int `mapstructure:"content_max"`        // bytes
	TempMessageID     int `mapstructure:"temp_message_id"`    // characters
	HistoryMax        int `mapstructure:"history_max"`        // messages a page
	HistoryDefault    int `mapstructure:"history_default"`    // messages a page
	DeviceIDMax       int `mapstructure:"device_id_max"`      // characters
	SyncConversations int `mapstructure:"sync_conversations"` // conversations named in one sync
	Mentions          int `mapstructure:"mentions"`           // users mentioned in one message
	ReactionMax       int `mapstructure:"reaction_max"`       // bytes
	GroupNameMax      int `mapstructure:"group_name_max"`     // characters
	AnnouncementMax   int `mapstructure:"announcement_max"`   // characters
	GroupAddMax       int `mapstructure:"group_add_max"`      // users named in one call
	GroupMembersMax   int `mapstructure:"group_members_max"`  // members of one group
}

// DefaultLimits are the limits that the client contract names.
func DefaultLimits() Limits {
	return Limits{
		UsernameMin: 3, UsernameMax: 32, PasswordMin: 8, PasswordMax: 72, NicknameMax: 64,
		AvatarURLMax: 2048, ContentMax: 8192, TempMessageID: 64, HistoryMax: 200, HistoryDefault: 50,
		DeviceIDMax: 64, SyncConversations: 10000, Mentions: 50, ReactionMax: 64, GroupNameMax: 64,
		AnnouncementMax: 2000, GroupAddMax: 1000, GroupMembersMax: 200_000,
	}
}

// plain reports whether s consists of a-z, A-Z, 0-9, _ . - and the bytes of more. It is a loop because it runs for every
// message: a regular expression took 40 % of the time of decoding one.
func plain(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '.' && c != '-' && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

// Message types that clients may send; TypeSystem is the server's own.
const (
	TypeText   = "text"
	TypeSystem = "system"
)

var clientTypes = map[string]bool{
	TypeText: true, "image": true, "audio": true, "video": true, "file": true, "location": true, "custom": true,
}

// CheckUsername returns what a username must be, or "" when s is valid.
func (l Limits) CheckUsername(s string) string {
	if len(s) < l.UsernameMin || len(s) > l.UsernameMax || !plain(s, "") {
		return fmt.Sprintf("%d to %d of a-z, A-Z, 0-9, _ . -", l.UsernameMin, l.UsernameMax)
	}
	return ""
}

// CheckPassword returns what a password must be, or "" when s is valid.
func (l Limits) CheckPassword(s string) string {
	if len(s) < l.PasswordMin || len(s) > l.PasswordMax {
		return fmt.Sprintf("%d to %d bytes", l.PasswordMin, l.PasswordMax)
	}
	return ""
}

// CheckNickname returns what a nickname must be, or "" when s is valid.
func (l Limits) CheckNickname(s string) string {
	if n := utf8.RuneCountInString(s); n < 1 || n > l.NicknameMax || !checkName(s) {
		return fmt.Sprintf("1 to %d characters"+visible, l.NicknameMax)
	}
	return ""
}

// CheckTempMessageID returns what a tempMessageId must be, or "" when s is valid.
func (l Limits) CheckTempMessageID(s string) string {
	if len(s) < 1 || len(s) > l.TempMessageID || !plain(s, ":") {
		return fmt.Sprintf("1 to %d of a-z, A-Z, 0-9, _ . : -", l.TempMessageID)
	}
	return ""
}

// CheckContent returns what a message's content must be, or "" when s is valid.
func (l Limits) CheckContent(s string) string {
	if len(s) < 1 || len(s) > l.ContentMax {
		return fmt.Sprintf("1 to %d bytes", l.ContentMax)
	}
	if !utf8.ValidString(s) {
		return "valid UTF-8"
	}
	return ""
}

// CheckMessageType returns what a client's message type must be, or "" when s is valid.
func (l Limits) CheckMessageType(s string) string {
	if !clientTypes[s] {
		return "one of text, image, audio, video, file, location, custom"
	}
	return ""
}

// CheckGroupName returns what a group's name must be, or "" when s is valid.
func (l Limits) CheckGroupName(s string) string {
	if n := utf8.RuneCountInString(s); n < 1 || n > l.GroupNameMax || !checkName(s) {
		return fmt.Sprintf("1 to %d characters"+visible, l.GroupNameMax)
	}
	return ""
}

// CheckDeviceID returns what the id that a device gives itself must be, or "" when s is valid.
func (l Limits) CheckDeviceID(s string) string {
	if n := utf8.RuneCountInString(s); n < 1 || n > l.DeviceIDMax || !checkName(s) {
		return fmt.Sprintf("1 to %d characters"+visible, l.DeviceIDMax)
	}
	return ""
}

// CheckAnnouncement returns what a group's announcement must be, or "" when s is valid.
func (l Limits) CheckAnnouncement(s string) string {
	if utf8.RuneCountInString(s) > l.AnnouncementMax || !utf8.ValidString(s) {
		return fmt.Sprintf("at most %d characters", l.AnnouncementMax)
	}
	return ""
}

// Join policies of a group, and the roles in it.
const (
	JoinOpen   = "open"
	JoinInvite = "invite"

	RoleOwner  = "owner"
	RoleAdmin  = "admin"
	RoleMember = "member"
)

// CheckJoinPolicy returns what a group's join policy must be, or "" when s is valid.
func CheckJoinPolicy(s string) string {
	if s != JoinOpen && s != JoinInvite {
		return "open or invite"
	}
	return ""
}

// CheckRole returns what a member's role must be, or "" when s is valid.
func CheckRole(s string) string {
	if s != RoleOwner && s != RoleAdmin && s != RoleMember {
		return "owner, admin or member"
	}
	return ""
}
