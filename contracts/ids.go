// Package contracts holds what crosses a process boundary: ids, topics, frames,
// the error table, the protobuf definitions with their generated code, and the
// machine-readable client contract. It imports nothing else of GoChat.
package contracts

import (
	"crypto/md5" //nolint:gosec // the client contract names md5 for conversation ids; nothing secret hangs on it
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// UserID is a user's Snowflake id; in JSON a string of decimal digits.
type UserID int64

// MessageID is a message's Snowflake id; in JSON a string of decimal digits.
type MessageID int64

// GroupID is a group's Snowflake id; in JSON a string of decimal digits.
type GroupID int64

// ConversationID is `single_…`, `group_…` or `world`.
type ConversationID string

// World is the conversation that everyone is in.
const World ConversationID = "world"

const (
	singlePrefix = "single_"
	groupPrefix  = "group_"
)

// ErrBadID is returned for a string that is no id.
var ErrBadID = errors.New("not an id")

// String prints the id in decimal.
func (u UserID) String() string { return strconv.FormatInt(int64(u), 10) }

// String prints the id in decimal.
func (m MessageID) String() string { return strconv.FormatInt(int64(m), 10) }

// String prints the id in decimal.
func (g GroupID) String() string { return strconv.FormatInt(int64(g), 10) }

// ParseUserID reads a positive decimal id; ErrBadID for anything else.
func ParseUserID(s string) (UserID, error) {
	n, err := parseID(s)
	return UserID(n), err
}

// ParseGroupID reads a positive decimal id; ErrBadID for anything else.
func ParseGroupID(s string) (GroupID, error) {
	n, err := parseID(s)
	return GroupID(n), err
}

// parseID takes plain digits only, so that one id has one spelling.
func parseID(s string) (int64, error) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, fmt.Errorf("%w: %.32q", ErrBadID, s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %.32q", ErrBadID, s)
	}
	return n, nil
}

// SingleConversation returns the id of the single chat of two users; the
// order of the arguments does not matter.
func SingleConversation(a, b UserID) ConversationID {
	if a > b {
		a, b = b, a
	}
	var buf [48]byte
	key := strconv.AppendInt(buf[:0], int64(a), 10)
	key = append(key, '_')
	key = strconv.AppendInt(key, int64(b), 10)
	sum := md5.Sum(key) //nolint:gosec // see the import
	return ConversationID(singlePrefix + hex.EncodeToString(sum[:8]))
}

// GroupConversation returns the id of a group's conversation.
func GroupConversation(g GroupID) ConversationID {
	return ConversationID(groupPrefix + g.String())
}

// GroupID returns the group of a group conversation.
func (c ConversationID) GroupID() (GroupID, bool) {
	rest, ok := strings.CutPrefix(string(c), groupPrefix)
	if !ok {
		return 0, false
	}
	g, err := ParseGroupID(rest)
	return g, err == nil
}

// Valid reports whether c has the form of a conversation id; it says nothing
// about whether the conversation exists.
func (c ConversationID) Valid() bool {
	if c == World {
		return true
	}
	if hexPart, ok := strings.CutPrefix(string(c), singlePrefix); ok {
		return len(hexPart) == 16 && strings.Trim(hexPart, "0123456789abcdef") == ""
	}
	_, ok := c.GroupID()
	return ok
}
