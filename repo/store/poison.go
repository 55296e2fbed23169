package store

import "context"

// Poison keeps records of the message queue that can never be handled, until a person has
// decided about them. Errors wrap ErrUnavailable when trying again may help.
type Poison interface {
	// KeepPoison keeps records; one with the UUID and the group of a kept one is that one.
	KeepPoison(ctx context.Context, records []PoisonRecord) error
	// RequeuedPoison returns whole records that are to go back to their topics, those first
	// that were asked for first, and of these the oldest. None is among them whose sender was told that it will never be stored.
	RequeuedPoison(ctx context.Context, limit int) ([]PoisonRecord, error)
	// ForgetPoison deletes records and tells how many there were.
	ForgetPoison(ctx context.Context, ids []int64) (int64, error)
}

// PoisonRecord is a record that was given up, and why.
type PoisonRecord struct {
	ID   int64
	UUID string
	// Group gave it up; it was read from Topic.
	Group, Topic string
	// Reason is a word, Error the text.
	Reason, Error string
	// Sender, Conversation and TempMessageID are of its message, as far as they are known;
	// Told is what the sender was told.
	Sender, Conversation, TempMessageID, Told string
	TraceID                                   string
	// PoisonedAt and RequeuedAt are Unix milliseconds; 0: nobody wants it back.
	PoisonedAt, RequeuedAt int64
	// Size is that of the payload, which lists leave out, as they do the metadata.
	Size     int64
	Metadata map[string]string
	Payload  []byte
}
