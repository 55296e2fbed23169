package contracts

import "fmt"

// What CheckRecords reckons with, in bytes. The largest record that a message causes is the one with its frame, which is
// never split.
const (
	// escaped is how many bytes of a frame one byte of content can take. The worst case is a control character in the
	// content of an edit, which is JSON within the frame's JSON.
	escaped = 7
	// escapedOnce is the same for a text that is only in the frame's own JSON, such as a reaction.
	escapedOnce = 6
	// idBytes is a user id with its quotes and comma.
	idBytes = 22
	// reactionsMost is how many reactions of users a message can have; it equals store.MaxReactions.
	reactionsMost = 500
	// frameRest bounds all the other bytes of a frame, its delivery and its record: ids, field names, recipients.
	frameRest = 128 << 10
)

// CheckRecords returns an error that names the settings when a message or a group event within the limits can make a
// record larger than most, the bytes that the message queue takes. Checked at the start, a limit that was raised too far
// is refused once and not message by message.
func (l Limits) CheckRecords(most int) error {
	message := escaped*l.ContentMax + escapedOnce*reactionsMost*l.ReactionMax + idBytes*(reactionsMost+l.Mentions) + frameRest
	if message > most {
		return fmt.Errorf("limits.content_max is %d: as a frame such a message can take %d bytes, with limits.mentions %d and limits.reaction_max %d, "+
			"and the message queue takes records of at most %d bytes: a content_max of %d fits",
			l.ContentMax, message, l.Mentions, l.ReactionMax, most, max(0, l.ContentMax-(message-most+escaped-1)/escaped))
	}
	if event := idBytes*l.GroupAddMax + frameRest; event > most {
		return fmt.Errorf("limits.group_add_max is %d: the event that names so many users can take %d bytes, and the message queue takes records of at most %d: %d fit",
			l.GroupAddMax, event, most, (most-frameRest)/idBytes)
	}
	return nil
}
