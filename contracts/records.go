package contracts

import "fmt"

// A frame is the largest thing that becomes of a message, and travels through the queue whole.
const (
	// escaped is how many bytes one byte of a text takes in a frame at most: a control character
	// in the new text of an edit, which is JSON in the frame's JSON.
	escaped = 7
	// escapedOnce is that of a text that is in the frame itself.
	escapedOnce = 6
	// idBytes is a user id with its quotes and comma.
	idBytes = 22
	// reactionsMost is how many reactions a message gathers.
	reactionsMost = 500
	// frameRest is everything else of a frame, with what its delivery and its record add: ids,
	// names of fields, the users whom it is for.
	frameRest = 128 << 10
)

// CheckRecords holds what one message may have against the largest record that the queue takes,
// so that a limit that was raised too far is refused at the start and not message by message.
// The error names the settings.
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
